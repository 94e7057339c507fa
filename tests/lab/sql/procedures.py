# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""EXEC: dynamic SQL, and the procedures of the system that the lab has."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..core.filesystem import WinError
from ..tds.engine_api import Column, Output, SqlError
from ..tds.rpc import declared
from ..tds.types import SqlType
from . import errors
from .cursor import Cursor
from .declared import columns_of
from .execution import run
from .language import assign
from .lexer import VARIABLE
from .scope import Sql
from .session import Variable
from .views.files import look

if TYPE_CHECKING:
    from .session import Session

Arguments = list[tuple[str, object, str]]  # name without @ or empty, value, the variable it is OUTPUT to or empty


def execute(session: Session, cursor: Cursor, out: Output, level: int) -> None:
    """EXEC ('text'), EXEC procedure arguments.

    Raises:
        SqlError: 2812 no such procedure; what it raises.
    """
    if not cursor.accept("EXEC"):
        cursor.accept("EXECUTE")
    if cursor.accept("("):
        text = _concatenated(cursor)
        cursor.expect(")")
        cursor.end()
        _within(session, text, {}, out, level)
        return
    status = ""
    if cursor.kind() == VARIABLE:
        status = str(cursor.token and cursor.token.text)[1:].lower()
        cursor.at += 1
        cursor.expect("=")
    parts = cursor.dotted()
    name = parts[-1].lower()
    arguments = _arguments(cursor)
    if name == "sp_executesql":
        _executesql(session, arguments, out, level)
    else:
        procedure = _PROCEDURES.get(name)
        if procedure is None:
            raise SqlError(2812, f"Could not find stored procedure '{'.'.join(parts)}'.", 16, 62)
        procedure(session, arguments, out)
    if status:
        session.variable(status).value = 0


def _concatenated(cursor: Cursor) -> str:
    text = cursor.string()
    while cursor.accept("+"):
        text += cursor.string()
    return text


def _arguments(cursor: Cursor) -> Arguments:
    out: Arguments = []
    while not cursor.ended:
        name = ""
        if cursor.kind() == VARIABLE and cursor.upper(1) == "=":
            name = str(cursor.token and cursor.token.text)[1:].lower()
            cursor.at += 2
        variable = str(cursor.token and cursor.token.text)[1:].lower() if cursor.kind() == VARIABLE else ""
        value = cursor.literal()
        is_output = cursor.accept("OUTPUT") or cursor.accept("OUT")
        out.append((name, value, variable if is_output else ""))
        if not cursor.accept(","):
            break
    if cursor.accept("WITH"):
        cursor.rest()
    cursor.end()
    return out


def _executesql(session: Session, arguments: Arguments, out: Output, level: int) -> None:
    """sp_executesql @statement, @parameters, values."""
    if not arguments or not isinstance(arguments[0][1], str):
        raise SqlError(214, "Procedure expects parameter '@statement' of type 'ntext/nchar/nvarchar'.", 16, 3, procedure="sp_executesql")
    text = arguments[0][1]
    types = declared(str(arguments[1][1] or "")) if len(arguments) > 1 else {}
    given: dict[str, tuple[object, str]] = {}
    names = list(types)
    for place, (name, value, target) in enumerate(arguments[2:]):
        if name and name not in {one.lower() for one in names}:
            raise SqlError(8145, f"@{name} is not a parameter for procedure .", 16, 2)
        if not name and place >= len(names):
            raise SqlError(8144, "Procedure or function  has too many arguments specified.", 16, 2)
        given[name or names[place].lower()] = value, target
    missing = next((name for name in names if name.lower() not in given), None)
    if missing is not None:
        raise SqlError(
            8178, f"The parameterized query '({arguments[1][1]}){text}' expects the parameter '@{missing}', which was not supplied."
        )
    variables = {name.lower(): Variable(kind, assign(given[name.lower()][0], Sql("", None), kind)) for name, kind in types.items()}
    outputs = {name: target for name, (_value, target) in given.items() if target}
    _within(session, text, variables, out, level, outputs=outputs)


def _within(
    session: Session, text: str, variables: dict[str, Variable], out: Output, level: int, *, outputs: dict[str, str] | None = None
) -> None:
    """Run a batch with variables of its own; USE in it ends with it."""
    before, session.variables = session.variables, variables
    database = session.client.database
    try:
        run(session, text, out, level + 1)
    finally:
        session.variables = before
        if session.client.database is not database:
            old, session.client.database = session.client.database, database
            out.env_database(database.name, old.name)
    for name, target in (outputs or {}).items():
        session.variable(target).value = variables[name].value


# -- procedures of the system


def _value(arguments: Arguments, place: int, name: str = "") -> object:
    named = next((value for one, value, _output in arguments if name and one == name), None)
    return named if named is not None else arguments[place][1] if place < len(arguments) and not arguments[place][0] else None


def _result(session: Session, out: Output, columns: str, rows: list[tuple[object, ...]]) -> None:
    out.rowset([Column(name, kind) for name, kind in columns_of(columns)], rows, counted=session.counted)


def _xp_fileexist(session: Session, arguments: Arguments, out: Output) -> None:
    found = look(session, str(_value(arguments, 0)))
    if len(arguments) > 1 and arguments[1][2]:
        session.variable(arguments[1][2]).value = found[0]
        out.done()
        return
    columns = [Column(name, SqlType("tinyint")) for name in ("File Exists", "File is a Directory", "Parent Directory Exists")]
    out.rowset(columns, [found], counted=session.counted)


def _xp_dirtree(session: Session, arguments: Arguments, out: Output) -> None:
    """xp_dirtree folder, depth, files: an empty result where the folder cannot be read."""
    root, depth, files = str(_value(arguments, 0)).rstrip("\\"), int(str(_value(arguments, 1) or 0)), bool(_value(arguments, 2))
    fs, logon = session.server.machine.fs, session.server.logon
    rows: list[tuple[object, ...]] = []

    def walk(folder: str, level: int) -> None:
        for name in fs.listdir(folder, logon):
            path = f"{folder}\\{name}"
            is_folder = fs.is_dir(path, logon)
            if is_folder or files:
                rows.append((name, level, int(not is_folder))[: 3 if files else 2])
            if is_folder and (not depth or level < depth):
                walk(path, level + 1)

    try:
        walk(root + "\\" if root.endswith(":") else root, 1)
    except WinError:
        rows.clear()
    _result(session, out, "subdirectory nvarchar(512), depth int" + (", file int" if files else ""), rows)


def _xp_fixeddrives(session: Session, _arguments: Arguments, out: Output) -> None:
    """Drives and their free megabytes. Nothing for a login that is no sysadmin (undocumented; *assumed* from reports)."""
    machine, logon = session.server.machine, session.server.logon
    drives = sorted(machine.fs.drives) if session.client.login.is_sysadmin else []
    columns = [Column("drive", SqlType("char", 1)), Column("MB free", SqlType("int"))]
    out.rowset(columns, [(drive, machine.fs.free(f"{drive}:\\", logon) // 1024**2) for drive in drives], counted=session.counted)


def _sp_flush_log(session: Session, _arguments: Arguments, out: Output) -> None:
    """Writes delayed durable transactions to disk. Since SQL Server 2014; in the lab all are durable at once.

    https://learn.microsoft.com/sql/relational-databases/system-stored-procedures/sys-sp-flush-log-transact-sql
    """
    if session.server.product.major < 12:
        raise SqlError(2812, "Could not find stored procedure 'sys.sp_flush_log'.", 16, 62)
    out.done()


def _xp_create_subdir(session: Session, arguments: Arguments, out: Output) -> None:
    """Creates a folder and those above it; one that exists is no error."""
    if not session.client.login.is_sysadmin:
        raise SqlError(
            229, "The EXECUTE permission was denied on the object 'xp_create_subdir', database 'mssqlsystemresource', schema 'sys'.", 14, 5
        )
    path = str(_value(arguments, 0))
    try:
        session.server.machine.fs.mkdir(path.rstrip("\\"), session.server.logon)
    except WinError as error:
        if error.code != 183 or not session.server.machine.fs.is_dir(path, session.server.logon):
            raise SqlError(22048, f"xp_create_subdir() returned error {error.code}, '{error.text}'", 16) from error
    out.done()


def _xp_instance_regread(session: Session, arguments: Arguments, out: Output) -> None:
    """BackupDirectory and the default folders, of all the registry."""
    server = session.server
    known = {"backupdirectory": server.backup_folder, "defaultdata": server.data_folder, "defaultlog": server.log_folder}
    name = str(_value(arguments, 2))
    if name.lower() not in known:
        raise SqlError(22001, "RegQueryValueEx() returned error 2, 'The system cannot find the file specified.'", 16)
    if len(arguments) > 3 and arguments[3][2]:
        session.variable(arguments[3][2]).value = known[name.lower()]
        out.done()
        return
    _result(session, out, "Value nvarchar(128), Data nvarchar(260)", [(name, known[name.lower()])])


def _sp_configure(session: Session, arguments: Arguments, out: Output) -> None:
    configuration = session.server.configuration
    if len(arguments) > 1:
        if not session.client.login.may("ALTER SETTINGS"):
            raise errors.not_allowed()
        name = str(_value(arguments, 0, "configname")).lower()
        if name not in configuration and name != "show advanced options":
            raise SqlError(15123, f"The configuration option '{name}' does not exist, or it may be an advanced option.", 16)
        old, new = configuration.get(name, 0), int(str(_value(arguments, 1, "configvalue")))
        configuration[name] = new
        out.info(15457, f"Configuration option '{name}' changed from {old} to {new}. Run the RECONFIGURE statement to install.")
        out.done()
        return
    rows: list[tuple[object, ...]] = [(name, 0, 1, value, value) for name, value in sorted(configuration.items())]
    _result(session, out, "name nvarchar(35), minimum int, maximum int, config_value int, run_value int", rows)


_PROCEDURES: dict[str, Callable[[Session, Arguments, Output], None]] = {
    "xp_fileexist": _xp_fileexist,
    "xp_dirtree": _xp_dirtree,
    "xp_create_subdir": _xp_create_subdir,
    "xp_instance_regread": _xp_instance_regread,
    "sp_configure": _sp_configure,
    "xp_fixeddrives": _xp_fixeddrives,
    "sp_flush_log": _sp_flush_log,
}

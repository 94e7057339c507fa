# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One SQL Server instance: logins, databases and sessions."""

from __future__ import annotations

import itertools
import threading
import uuid
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.clock import Clock
from ..core.filesystem import Logon
from ..core.network import Machine, Network
from ..tds.engine_api import LoginRequest, SqlError
from ..tds.types import COLLATION as WIRE_COLLATION
from . import errors, msdb, states, undoing
from .clients import Client
from .connection import Connection
from .database import COLLATION, SYSTEM, SYSTEM_IDS, Database, DatabaseFile
from .editions import Product, parse_version
from .files import allocate, delete_files, size_of
from .principals import SERVER_ROLES, Login

if TYPE_CHECKING:
    from .availability import Group
    from .session import Session

KILL_SECONDS = 10.0  # how long (real seconds) a killed session may take to end
MEGABYTES_A_SECOND = 100.0


class SqlServer:
    """An instance on a machine.

    Args:
        version: ProductVersion, which also decides what the T-SQL of the lab knows.
        account: The service's account: what the server can reach is what that account can.
        backup_rate: Bytes a lab second that BACKUP, RESTORE and VERIFYONLY work through.
    """

    def __init__(
        self,
        machine: Machine,
        network: Network,
        *,
        version: str = "14.0.3456.2",
        edition: str = "Standard Edition (64-bit)",
        engine_edition: int = 2,
        account: str = "NT SERVICE\\MSSQLSERVER",
        instance: str = "MSSQLSERVER",
        backup_rate: float = MEGABYTES_A_SECOND * 1024**2,
        collation: str = COLLATION,
    ) -> None:
        self.machine = machine
        self.network = network
        self.product = Product(parse_version(version), edition, engine_edition)
        self.account = account
        self.instance = instance
        self.collation_name = collation
        self.backup_rate = backup_rate
        self.name = machine.name.upper() if instance == "MSSQLSERVER" else f"{machine.name.upper()}\\{instance}"
        self.logins: dict[str, Login] = {}
        self.databases: dict[str, Database] = {}
        self.clients: dict[int, Client] = {}
        self.certificates: dict[str, Certificate] = {}
        self.credentials: dict[str, str] = {}  # name -> identity; the secret is of no use in the lab
        self.in_use: set[Path] = set()  # files that the server has open: nobody else's to read as a backup
        self.groups: dict[str, str] = {}  # availability group -> this replica's role
        self.availability: dict[str, Group] = {}  # those that other servers of the lab are in too: availability.py
        self.configuration: dict[str, int] = {"backup compression default": 0, "backup checksum default": 0, "xp_cmdshell": 0}
        self.lock = threading.RLock()
        self.started = self.clock.now()
        self._spids = itertools.count(51)
        self._database_ids = itertools.count(5)
        self._principals = itertools.count(257)
        self._store = machine.root / "sql" / instance
        self._store.mkdir(parents=True, exist_ok=True)
        root = f"C:\\Program Files\\Microsoft SQL Server\\MSSQL{self.product.major}.{instance}\\MSSQL"
        self.data_folder, self.log_folder, self.backup_folder = f"{root}\\DATA", f"{root}\\DATA", f"{root}\\Backup"
        if "C" not in machine.fs.drives:
            machine.fs.add_drive("C", machine.root / "C")
        for folder in dict.fromkeys((self.data_folder, self.log_folder, self.backup_folder)):
            self._make_folder(folder)
        self.add_login("sa", uuid.uuid4().hex, roles={"sysadmin"}, disabled=True).principal_id = 1
        for name in SYSTEM:
            self._create_system(name)
        msdb.create(self.databases["msdb"])

    # -- what it is

    @property
    def version(self) -> tuple[int, int, int, int]:
        return self.product.version

    @property
    def collation(self) -> bytes:
        return WIRE_COLLATION

    @property
    def clock(self) -> Clock:
        return self.machine.clock

    @property
    def logon(self) -> Logon:
        """As whom the server opens files."""
        return Logon.service(self.account)

    def local_now(self) -> datetime:
        """The server's local time, without a zone: GETDATE. The lab's servers run on UTC."""
        return self.clock.now().replace(tzinfo=None)

    def _make_folder(self, folder: str) -> None:
        if not self.machine.fs.is_dir(folder, self.logon):
            self.machine.fs.mkdir(folder, self.logon)

    # -- logins

    def add_login(self, name: str, password: str | None = None, *, roles: Iterable[str] = (), **options: Any) -> Login:
        """CREATE LOGIN, and its fixed server roles. Without a password it is a Windows login (``LAB\\name``)."""
        wanted = {role.lower() for role in roles}
        unknown = wanted - set(SERVER_ROLES)
        if unknown:
            raise ValueError(f"no server roles: {', '.join(sorted(unknown))}")
        login = Login(name, password, wanted, created=self.local_now(), principal_id=next(self._principals), **options)
        with self.lock:
            self.logins[name.lower()] = login
        return login

    def find_login(self, name: str) -> Login | None:
        return self.logins.get(name.lower())

    def check_login(self, name: str, password: str) -> bool:
        """Whether a SQL Server login can be made with that password."""
        login = self.find_login(name)
        return login is not None and not login.disabled and not login.locked and login.password is not None and login.password == password

    # -- databases

    def database(self, name: str) -> Database | None:
        return self.databases.get(name.lower())

    def next_database_id(self) -> int:
        return next(self._database_ids)

    def new_store(self) -> Path:
        """A path for the rows of a database, unlike any before it."""
        return self._store / f"{uuid.uuid4().hex}.sqlite"

    def default_files(self, name: str) -> list[DatabaseFile]:
        """Where a new database's files go: logical and physical names from its own; what a path cannot hold becomes ``_``."""
        safe = "".join("_" if letter in '<>:"/\\|?*' else letter for letter in name)
        return [
            DatabaseFile(1, "D", name, f"{self.data_folder}\\{safe}.mdf"),
            DatabaseFile(2, "L", f"{name}_log", f"{self.log_folder}\\{safe}_log.ldf"),
        ]

    def check_new(self, name: str) -> None:
        """
        Raises:
            SqlError: 1801, there is a database of that name.
        """
        if self.database(name) is not None:
            raise SqlError(1801, f"Database '{name}' already exists. Choose a different database name.", 16, 3)

    def create_database(
        self,
        name: str,
        *,
        owner: str = "sa",
        users: dict[str, Iterable[str]] | None = None,
        recovery: str | None = None,
        files: list[DatabaseFile] | None = None,
        collation: str | None = None,
        level: int | None = None,
        weight: int = 0,
    ) -> Database:
        """CREATE DATABASE.

        Args:
            users: Login: database roles, such as ``{"octopus": ["db_owner"]}``.
            recovery: SIMPLE, FULL or BULK_LOGGED; default: as model has it.
            weight: Bytes of data that the lab pretends to be there (see Database).

        Raises:
            SqlError: 1801 it exists, 5123/1802 a file cannot be made.
        """
        with self.lock:
            self.check_new(name)
            model = self.databases["model"]
            database = Database(
                name,
                next(self._database_ids),
                self.new_store(),
                files or self.default_files(name),
                self.local_now(),
                owner,
                recovery=(recovery or model.recovery).upper(),
                level=level or self.product.level,
                collation=collation or self.collation_name,
                weight=weight,
            )
            database.connect().close()
            allocate(self, database)
            for login, roles in (users or {}).items():
                known = self.find_login(login)
                database.add_user(login, set(roles), sid=known.sid if known else b"")
            self.databases[name.lower()] = database
        return database

    def _create_system(self, name: str) -> None:
        logical = {"master": ("master", "mastlog"), "msdb": ("MSDBData", "MSDBLog"), "tempdb": ("tempdev", "templog")}.get(
            name, (f"{name}dev", f"{name}log")
        )
        files = [
            DatabaseFile(1, "D", logical[0], f"{self.data_folder}\\{name}.mdf"),
            DatabaseFile(2, "L", logical[1], f"{self.data_folder}\\{name}_log.ldf"),
        ]
        database = Database(
            name,
            SYSTEM_IDS[name],
            self.new_store(),
            files,
            self.local_now(),
            recovery="FULL" if name == "model" else "SIMPLE",
            level=self.product.level,
            collation=self.collation_name,
        )
        database.connect().close()
        allocate(self, database)
        self.databases[name] = database

    def file_size(self, database: Database, file: DatabaseFile) -> int:
        """A file's size, as it has grown."""
        return size_of(self, database, file)

    def drop_database(self, database: Database) -> None:
        """Forget a database. Its files go too, unless it is offline (documented of DROP DATABASE)."""
        with self.lock:
            self.databases.pop(database.name.lower(), None)
            delete_files(self, database, keep=database.state == "OFFLINE")
            self.discard_store(database)

    @staticmethod
    def discard_store(database: Database) -> None:
        for suffix in ("", "-wal", "-shm"):
            path = database.store.with_name(database.store.name + suffix)
            if path.exists():
                path.unlink()

    def usable(self, database: Database, login: Login, me: Client | None = None) -> SqlError | None:
        """Why a session cannot have it as its database now; None: it can."""
        if database.transition is not None and (me is None or me.spid != database.transition):
            return errors.in_transition(database.name)
        closed = states.problem(database, login.is_sysadmin)
        if closed is not None:
            return closed
        if login.user_name(database) is None:
            return errors.no_access(login.name, database.name)
        if (
            database.user_access == "RESTRICTED_USER"
            and "db_owner" not in login.database_roles(database)
            and not login.may("CREATE ANY DATABASE")
        ):
            text = (
                f"Database '{database.name}' is in restricted mode. Only the database owner and members of the dbcreator and sysadmin roles can "
                "access it."
            )
            return SqlError(923, text, 14)
        if database.user_access == "SINGLE_USER" and self.sessions_in(database, but=me):
            return errors.single_user(database.name)
        if database.group and database.group_role == "SECONDARY":
            text = f"Unable to access availability database '{database.name}' because the database replica is not in the PRIMARY or SECONDARY role."
            return SqlError(983, text, 14)
        return None

    # -- sessions

    def open(self, database: str, *, login: str, host: str = "", program: str = "", address: str = "") -> Connection:
        """A session of the in-lab product, whose password was checked already.

        Raises:
            SqlError: 18456 no such login; 4060 no such database, or it is not open to this login now.
        """
        with self.lock:
            known = self.find_login(login)
            if known is None or known.disabled:
                raise errors.login_failed(login)
            found = self.database(database)
            if found is None or self.usable(found, known) is not None:
                raise errors.cannot_open(database, login)
            return Connection(self, self._register(known, found, host=host, program=program, address=address))

    def login(self, request: LoginRequest) -> Session:
        """A session of the wire (:class:`lab.tds.engine_api.Engine`)."""
        from .session import Session  # only here: it imports this module's type

        with self.lock:
            login = self.find_login(request.user)
            if login is None or login.password is None or login.password != request.password or login.disabled:
                raise errors.login_failed(request.user)
            if login.locked:
                raise SqlError(
                    18486,
                    f"Login failed for user '{login.name}' because the account is currently locked out.",
                    14,
                    more=[errors.login_failed(login.name)],
                )
            if login.must_change:
                raise SqlError(18488, f"Login failed for user '{login.name}'.  Reason: The password of the account must be changed.", 14)
            name = request.database or login.default_database
            database = self.database(name)
            if database is None or self.usable(database, login) is not None:
                raise errors.cannot_open(name, login.name)
            client = self._register(
                login,
                database,
                host=request.host,
                program=request.program,
                address=request.address,
                encrypted=request.encrypted,
                disconnect=request.disconnect,
            )
            return Session(self, client)

    def _register(self, login: Login, database: Database, **options: Any) -> Client:
        client = Client(next(self._spids), login, database=database, connected=self.clock.now(), **options)
        self.clients[client.spid] = client
        return client

    def forget(self, client: Client) -> None:
        """A session has ended; what it had open may still have to be undone, or its database has broken down meanwhile."""
        with self.lock:
            self.clients.pop(client.spid, None)
            client.closed.set()
        where = {"database": client.database.name, "program": client.program}
        struck = self.machine.faults.hit("sql.undo", self.machine.name, **where)
        if struck is not None:
            undoing.undo(self, client.database, client, float(struck.get("seconds", 60)), struck.get("stuck"))
        struck = self.machine.faults.hit("sql.break", self.machine.name, **where)
        if struck is not None:
            states.break_down(self, client.database.name, str(struck.get("state", "SUSPECT")))

    def sessions_in(self, database: Database, but: Client | None = None) -> list[Client]:
        """The sessions whose current database it is."""
        undoing.prune(self)
        with self.lock:
            return [client for client in self.clients.values() if client.database is database and client is not but]

    def kill(self, client: Client) -> None:
        """KILL: the session ends and is rolled back; returns when that is done.

        Raises:
            TimeoutError: It does not end: a fault of the lab.
        """
        while undoing.is_undoing(client):
            self.clock.sleep(0.5)
            undoing.prune(self)
            if client.closed.is_set():
                return
        client.killed.set()
        client.abort()
        client.disconnect()
        if not client.closed.wait(KILL_SECONDS):
            raise TimeoutError(f"session {client.spid} ({client.program}) was killed and does not end")

    def kill_all(self, clients: list[Client]) -> None:
        """End several sessions at once: one may wait for a lock that another holds.

        Raises:
            TimeoutError: As :meth:`kill`.
        """
        for client in clients:
            client.killed.set()
        with ThreadPoolExecutor(max_workers=max(1, len(clients))) as pool:
            for ended in [pool.submit(self.kill, client) for client in clients]:
                ended.result()

    # -- for tests

    def add_certificate(self, name: str, copy_of: Certificate | None = None) -> Certificate:
        """CREATE CERTIFICATE in master; ``copy_of``: restored from another server's, with its private key."""
        certificate = Certificate(name) if copy_of is None else Certificate(name, copy_of.key, copy_of.thumbprint)
        self.certificates[name.lower()] = certificate
        return certificate

    def blob(self, url: str) -> Path:
        """The file that stands for a blob at a URL."""
        return self._store / "blobs" / url.partition("://")[2].replace("/", "%2F")


class Certificate:
    """A certificate with private key in master, for backup encryption and TDE."""

    def __init__(self, name: str, key: bytes = b"", thumbprint: str = "") -> None:
        self.name = name
        self.key = key or uuid.uuid4().bytes + uuid.uuid4().bytes
        self.thumbprint = thumbprint or uuid.uuid4().hex.upper() + "00000000"

    def __repr__(self) -> str:
        return f"Certificate({self.name!r})"

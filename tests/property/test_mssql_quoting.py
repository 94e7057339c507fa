# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever a name or text holds, T-SQL and ODBC read exactly that, and nothing behind it."""

from __future__ import annotations

import re

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.backup.options import BackupOptions, statement
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.quoting import MAX_NAME, odbc_value, quote_identifier, quote_string
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.restore import statements as restore_statements
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.restore.options import RestoredFile, RestoreOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.snapshot.files import DataFile, create_statement, sparse_paths
from hypothesis import example, given
from hypothesis import strategies as st

text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60) | st.text("]['\"{}; -/*\n.a", max_size=60)
name = text.filter(bool)


def lex(sql: str) -> list[str]:
    """T-SQL's own rules for quoted tokens, written from the other side: https://learn.microsoft.com/sql/t-sql/data-types/constants-transact-sql,
    https://learn.microsoft.com/sql/relational-databases/databases/database-identifiers"""
    tokens, at = [], 0
    while at < len(sql):
        if sql[at] in "['":
            close = {"[": "]", "'": "'"}[sql[at]]
            end = at + 1
            while True:
                if sql[end] == close:
                    if sql[end + 1 : end + 2] != close:
                        break
                    end += 1
                end += 1
            tokens.append(sql[at] + sql[at + 1 : end].replace(close * 2, close))
            at = end + 1
        elif sql[at].isspace():
            at += 1
        else:
            word = re.compile(r"[^\['\s]+").match(sql, at)
            assert word
            tokens.append(word[0])
            at = word.end()
    return tokens


@given(name)
@example("]")
@example("]]; DROP DATABASE x --")
def test_an_identifier_is_one_token(value: str) -> None:
    assert lex(quote_identifier(value)) == ["[" + value]


@given(text)
@example("'")
@example("'; SHUTDOWN --")
def test_a_string_is_one_token(value: str) -> None:
    assert lex(quote_string(value)) == ["N", "'" + value]


@given(text)
def test_a_value_of_a_connection_string_ends_where_it_should(value: str) -> None:
    """[MS-ODBCSTR] 2.1.2: a braced value ends at the first closing brace that is not doubled."""
    quoted = odbc_value(value)
    inner = re.fullmatch(r"\{((?:[^}]|\}\})*)\}", quoted, re.DOTALL)
    assert inner
    assert inner[1].replace("}}", "}") == value


@given(name, st.lists(name, min_size=1, max_size=3), text, name)
def test_a_backup_statement_has_the_same_words_whatever_the_names(database: str, paths: list[str], title: str, certificate: str) -> None:
    options = BackupOptions(database, paths, name=title, encryption={"algorithm": "AES_256", "certificate": certificate})
    words = [token for token in lex(statement(options, compresses=True)) if token[0] not in "['"]
    plain = BackupOptions("d", ["p"] * len(paths), name=title and "t", encryption={"algorithm": "AES_256", "certificate": "c"})
    assert words == [token for token in lex(statement(plain, compresses=True)) if token[0] not in "['"]


@given(name, st.lists(name, min_size=1, max_size=3), st.lists(st.tuples(name, name), max_size=3), text)
def test_a_restore_statement_has_the_same_words_whatever_the_names(
    database: str, paths: list[str], files: list[tuple[str, str]], credential: str
) -> None:
    def words(options: RestoreOptions, moved: list[RestoredFile]) -> list[str]:
        return [
            token for token in lex(restore_statements.restore(options, 2, moved, overwrite=True, checksum=True)) if token[0] not in "['"
        ]

    odd = RestoreOptions(database, paths, credential=credential or None)
    plain = RestoreOptions("d", ["p"] * len(paths), credential="c" if credential else None)
    assert words(odd, [RestoredFile(logical, "D", path, 1) for logical, path in files]) == words(
        plain, [RestoredFile("l", "D", "p", 1)] * len(files)
    )


@given(name, name)
@example("x] SET OFFLINE --", "a")
def test_what_is_done_to_a_database_is_one_statement_whatever_its_name(database: str, other: str) -> None:
    assert lex(restore_statements.rename(database, other)) == ["ALTER", "DATABASE", "[" + database, "MODIFY", "NAME", "=", "[" + other]
    assert lex(restore_statements.set_owner(database, other)) == [
        "ALTER",
        "AUTHORIZATION",
        "ON",
        "DATABASE::",
        "[" + database,
        "TO",
        "[" + other,
    ]
    assert lex(restore_statements.map_user(other)) == ["ALTER", "USER", "[" + other, "WITH", "LOGIN", "=", "[" + other]
    assert lex(restore_statements.drop(database)) == ["DROP", "DATABASE", "[" + database]
    assert [token[1:] for token in lex(restore_statements.check(database)) if token[0] == "'"] == [database]


@pytest.mark.parametrize("bad", ["", "x" * (MAX_NAME + 1), "a\0b"])
def test_what_is_no_identifier(bad: str) -> None:
    with pytest.raises(ValueError, match="identifier"):
        quote_identifier(bad)


def test_a_string_has_no_nul() -> None:
    with pytest.raises(ValueError, match="NUL"):
        quote_string("a\0")


@given(name, name, st.lists(name, min_size=1, max_size=4))
def test_a_snapshot_names_what_was_given(snapshot: str, database: str, logical: list[str]) -> None:
    files = [DataFile(number, 0, one, f"D:\\{number}.mdf") for number, one in enumerate(logical, 1)]
    paths = sparse_paths(files, snapshot, "D:\\S")
    assert len({path.lower() for path in paths}) == len(files)
    tokens = lex(create_statement(snapshot, database, list(zip(files, paths, strict=True))))
    assert [token[1:] for token in tokens if token.startswith("[")] == [snapshot, *logical, database]
    assert [token[1:] for token in tokens if token.startswith("'")] == paths

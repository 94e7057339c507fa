# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the server is and what the drivers are told."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection import drivers, session_setup
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.connection import connect
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.drivers import Driver
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.connection.options import MSSQL_SPEC, SqlOptions
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.errors import MssqlError
from ansible_collections.octopus.upgrade.plugins.module_utils._mssql.quoting import freetds_value

MICROSOFT, FREETDS = Driver("ODBC Driver 18 for SQL Server", "msodbcsql"), Driver("FreeTDS", "freetds")
OPTIONS = SqlOptions("sql.example.com", 1433, "me", "p}w;d")


def params(**given: object) -> dict[str, object]:
    return {**{name: spec.get("default") for name, spec in MSSQL_SPEC.items()}, **given}


@pytest.mark.parametrize(
    ("text", "host", "port", "where"),
    [
        ("sql01", "sql01", 1433, "sql01,1433"),
        ("tcp:sql01.example.com,1434", "sql01.example.com", 1434, "sql01.example.com,1434"),
        ("TCP:sql01, 1434 ", "sql01", 1434, "sql01,1434"),
        ("sql01\\OCTOPUS", "sql01\\OCTOPUS", 1433, "sql01\\OCTOPUS"),
        ("sql01\\OCTOPUS,14330", "sql01", 14330, "sql01,14330"),
    ],
)
def test_a_server_as_connection_strings_write_it(text: str, host: str, port: int, where: str) -> None:
    options = SqlOptions.from_params(params(login_host=text))
    assert (options.host, options.port, options.where) == (host, port, where)


@pytest.mark.parametrize("text", ["", " ", "tcp:", "sql01,", "sql01,abc", "sql01,0", "sql01,70000", "sql01\nca file = /x"])
def test_what_names_no_server(text: str) -> None:
    with pytest.raises(MssqlError, match="names no server"):
        SqlOptions.from_params(params(login_host=text))


def test_the_password_is_in_no_repr() -> None:
    assert "p}w;d" not in repr(OPTIONS)
    assert "secret" not in repr(SqlOptions.from_params(params(login_host="a", login_user="b", login_password="secret")))


def test_microsofts_words() -> None:
    assert session_setup.connection_string(OPTIONS, MICROSOFT, "Octopus [HA]; x") == (
        "DRIVER={ODBC Driver 18 for SQL Server};DATABASE={Octopus [HA]; x};APP=octopus.upgrade;SERVER={tcp:sql.example.com,1433};"
        "Encrypt=yes;TrustServerCertificate=no;UID={me};PWD={p}}w;d};"
    )


@pytest.mark.parametrize(
    ("changes", "there", "not_there"),
    [
        ({"validate_certs": False}, "TrustServerCertificate=yes", "HostNameInCertificate"),
        ({"encrypt": "strict"}, "Encrypt=strict", "TrustServerCertificate"),
        ({"encrypt": "optional"}, "Encrypt=no", "Encrypt=yes"),
        ({"certificate_host": "sql01"}, "HostNameInCertificate={sql01}", "Trusted"),
        ({"user": None, "password": None}, "Trusted_Connection=yes", "UID"),
        ({"host": "sql01\\X"}, "SERVER={sql01\\X}", "1433"),
    ],
)
def test_microsofts_words_for_options(changes: dict, there: str, not_there: str) -> None:
    text = session_setup.connection_string(replace(OPTIONS, **changes), MICROSOFT, "master")
    assert there in text
    assert not_there + "_" not in text.replace("Trusted_Connection", "T") and not_there not in text.replace("TrustServer", "")


def test_freetds_finds_host_and_authority_in_its_configuration() -> None:
    text = session_setup.connection_string(replace(OPTIONS, password="p;wd"), FREETDS, "master")
    # SERVER= would make it read no configuration, and take any certificate.
    assert "SERVERNAME=octopus_upgrade;" in text and ";SERVER=" not in text and text.endswith("PWD={p;wd};")
    assert session_setup.freetds_conf(OPTIONS).splitlines() == [
        "[octopus_upgrade]",
        "host = sql.example.com",
        "port = 1433",
        "tds version = 7.4",
        "encryption = require",
        "ca file = system",
        "check certificate hostname = yes",
    ]
    assert "ca file = /ca.pem" in session_setup.freetds_conf(replace(OPTIONS, ca_path="/ca.pem"))
    assert "ca file" not in session_setup.freetds_conf(replace(OPTIONS, validate_certs=False))
    assert "instance = X" in session_setup.freetds_conf(replace(OPTIONS, host="sql01\\X"))
    assert "p}w;d" not in session_setup.freetds_conf(OPTIONS)


@pytest.mark.parametrize(("value", "words"), [("a", "{a}"), ("a;{b ", "{a;{b }"), ("a}b", "a}b"), ("x}", "x}"), ("", "{}")])
def test_values_that_every_freetds_reads_alike(value: str, words: str) -> None:
    assert freetds_value(value) == words


@pytest.mark.parametrize("value", ["a};b", "a;}", "{a}", " a}", "a} "])
def test_values_that_no_freetds_reads_alike(value: str, tmp_path: Path) -> None:
    pytest.importorskip("pyodbc")
    library = tmp_path / "libtdsodbc.so"
    library.touch()
    with pytest.raises(ValueError, match="FreeTDS"):
        freetds_value(value)
    with pytest.raises(MssqlError, match="Microsoft's ODBC driver") as caught:
        connect(replace(OPTIONS, driver=str(library), password=value))
    assert repr(value) not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "driver", "message"),
    [
        ({"encrypt": "strict", "validate_certs": False}, MICROSOFT, "always verifies"),
        ({"encrypt": "strict"}, FREETDS, "Microsoft's driver"),
        ({"certificate_host": "sql01"}, FREETDS, "sql01 as login_host"),
        ({"ca_path": "/nowhere.pem"}, MICROSOFT, "/nowhere.pem"),
    ],
)
def test_what_a_driver_would_ignore_is_refused(changes: dict, driver: Driver, message: str) -> None:
    with pytest.raises(MssqlError, match=message):
        session_setup.check(replace(OPTIONS, **changes), driver)


@pytest.mark.parametrize("before", [None, "/before.pem"])
def test_the_environment_is_given_back(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, before: str | None) -> None:
    authority = tmp_path / "ca.pem"
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    if before:
        monkeypatch.setenv("SSL_CERT_FILE", before)
    with session_setup.surroundings(replace(OPTIONS, ca_path=str(authority)), MICROSOFT):
        assert os.environ["SSL_CERT_FILE"] == str(authority)
    assert os.environ.get("SSL_CERT_FILE") == before
    with session_setup.surroundings(OPTIONS, FREETDS):
        configuration = Path(os.environ["FREETDSCONF"])
        assert "host = sql.example.com" in configuration.read_text(encoding="utf-8")
    assert "FREETDSCONF" not in os.environ and not configuration.exists()


def test_microsofts_newest_driver_is_preferred(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drivers, "_libraries", lambda: ["/x/libmsodbcsql-18.6.so.2.1", "/usr/lib/odbc/libtdsodbc.so"])
    everything = ["FreeTDS", "ODBC Driver 17 for SQL Server", "ODBC Driver 18 for SQL Server", "SQLite3"]
    assert drivers.find("auto", everything) == MICROSOFT
    assert drivers.find("auto", ["FreeTDS"]) == Driver("/x/libmsodbcsql-18.6.so.2.1", "msodbcsql")
    monkeypatch.setattr(drivers, "_libraries", lambda: ["/usr/lib/odbc/libtdsodbc.so"])
    assert drivers.find("auto", ["FreeTDS"]) == FREETDS
    assert drivers.find("auto", []) == Driver("/usr/lib/odbc/libtdsodbc.so", "freetds")


def test_a_driver_by_name_or_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = tmp_path / "libtdsodbc.so"
    with pytest.raises(MssqlError, match="no such file"):
        drivers.find(str(library), [])
    library.touch()
    assert drivers.find(str(library), []) == Driver(str(library), "freetds")
    with pytest.raises(MssqlError, match="registered only: FreeTDS"):
        drivers.find("ODBC Driver 18 for SQL Server", ["FreeTDS"])
    monkeypatch.setattr(drivers, "_libraries", list)
    with pytest.raises(MssqlError, match=r"registered: SQLite3.*tdsodbc"):
        drivers.find("auto", ["SQLite3"])

# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""curl.exe, as Windows Server 2019 brings it (7.55 or later), on real HTTP.

Options and exit codes: https://curl.se/docs/manpage.html.
"""

from __future__ import annotations

import http.client
import re
import socket
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit, urlunsplit

import requests
import urllib3
from lab.core.filesystem import WinError
from lab.windows.download import CHUNK, Refused, UnknownHost, is_address, is_loopback, save, session
from lab.windows.process import Process

from ._base import SYSTEM32, unsupported

FLAGS = {
    "f": "fail",
    "L": "location",
    "s": "silent",
    "S": "show-error",
    "I": "head",
    "k": "insecure",
    "R": "remote-time",
    "g": "globoff",
    "q": "disable",
}
VALUES = {
    "o": "output",
    "H": "header",
    "m": "max-time",
    "A": "user-agent",
    "w": "write-out",
    "D": "dump-header",
    "X": "request",
    "K": "config",
}
LONG_FLAGS = {*FLAGS.values(), "retry-connrefused", "ssl-no-revoke", "tlsv1.2", "no-progress-meter", "create-dirs", "http1.1"}
LONG_VALUES = {
    *VALUES.values(),
    "data-binary",
    "retry",
    "retry-delay",
    "retry-max-time",
    "connect-timeout",
    "url",
    "proto",
    "proto-redir",
    "max-redirs",
} | {
    "data-raw",
    "connect-to",
    "noproxy",
    "max-filesize",
}
TRANSIENT = {408, 429, 500, 502, 503, 504}
UNKNOWN_OPTION, TOO_LARGE = 2, 63
_CONFIG_LINE = re.compile(r'([\w.-]+)(?:\s*[=:\s]\s*(?:"((?:[^"\\]|\\.)*)"|(\S+)))?\s*$')
_ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "v": "\v"}


@dataclass
class _Options:
    urls: list[str] = field(default_factory=list)
    flags: set[str] = field(default_factory=set)
    values: dict[str, str] = field(default_factory=dict)
    headers: list[str] = field(default_factory=list)


class _Failed(Exception):
    def __init__(self, code: int, text: str, transient: bool = False) -> None:
        super().__init__(text)
        self.code, self.text, self.transient = code, text, transient


def _parse(words: list[str]) -> _Options:
    options = _Options()
    place = 0

    def take(name: str, given: str | None) -> None:
        nonlocal place
        if given is None:
            place += 1
            if place >= len(words):
                raise _Failed(UNKNOWN_OPTION, f"option --{name}: requires parameter")
            given = words[place]
        if name == "header":
            options.headers.append(given)
        elif name == "url":
            options.urls.append(given)
        else:
            options.values[name] = given

    while place < len(words):
        word = words[place]
        if word.startswith("--"):
            name, _equals, _value = word[2:].partition("=")
            if name in LONG_FLAGS:
                options.flags.add(name)
            elif name in LONG_VALUES and not _equals:
                take(name, None)
            else:
                raise _Failed(UNKNOWN_OPTION, f"option {word}: is unknown")
        elif word.startswith("-") and len(word) > 1:
            for number, letter in enumerate(word[1:], 2):
                if letter in FLAGS:
                    options.flags.add(FLAGS[letter])
                elif letter in VALUES:
                    take(VALUES[letter], word[number:] or None)
                    break
                else:
                    raise _Failed(UNKNOWN_OPTION, f"option -{letter}: is unknown")
        else:
            options.urls.append(word)
        place += 1
    return options


def _configured(text: str) -> list[str]:
    """The words of a configuration file: an option and perhaps its value a line, and in quotes a backslash escapes (--config)."""
    words = []
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _CONFIG_LINE.match(line.strip())
        if found is None:
            raise _Failed(UNKNOWN_OPTION, f"the line {line!r} of the configuration is not understood")
        name, quoted, bare = found.groups()
        words.append(f"--{name}")
        if quoted is not None:
            words.append(re.sub(r"\\(.)", lambda escaped: _ESCAPES.get(escaped[1], escaped[1]), quoted))
        elif bare is not None:
            words.append(bare)
    return words


def curl(proc: Process) -> int:
    try:
        options = _parse(proc.argv[1:])
        if "config" in options.values:
            if options.values["config"] != "-":
                return unsupported(proc, "a configuration file other than standard input")
            options = _parse([*proc.argv[1:], *_configured(proc.stdin.read().decode())])
    except _Failed as error:
        proc.error(f"curl: {error.text}")
        proc.error("curl: try 'curl --help' for more information")
        return error.code
    if len(options.urls) != 1:
        if not options.urls:
            proc.error("curl: no URL specified!")
            return UNKNOWN_OPTION
        return unsupported(proc, "several URLs")
    left = int(options.values.get("retry", "0"))
    wait = 1.0
    while True:
        try:
            _transfer(proc, options)
            return 0
        except _Failed as error:
            if error.transient and left > 0:
                left -= 1
                proc.sleep(float(options.values.get("retry-delay", "0")) or wait)
                wait = min(wait * 2, 600)
                continue
            if "silent" not in options.flags or "show-error" in options.flags:
                proc.error(f"curl: ({error.code}) {error.text}")
            return error.code


def _transfer(proc: Process, options: _Options) -> None:
    url = options.urls[0]
    scheme = urlsplit(url).scheme.lower()
    if scheme == "telnet":
        return _telnet(proc, options, url)
    if scheme not in ("http", "https"):
        raise _Failed(1, f'Protocol "{scheme}" not supported or disabled in libcurl')
    clock = proc.host.clock
    connect = clock.real(float(options.values.get("connect-timeout", "300")))
    whole = float(options.values.get("max-time", "0"))
    # At least a second of real time: a scaled-down lab is no reason for a busy computer to fail.
    timeout = (max(connect, 1.0), max(clock.real(whole), 1.0) if whole else 60.0)
    agent = options.values.get("user-agent", "curl/7.55.1")
    headers: dict[str, str] = {"User-Agent": agent, "Accept": "*/*", "Accept-Encoding": "identity"}
    for header in options.headers:
        name, _colon, value = header.partition(":")
        headers[name.strip()] = value.strip()
    raw, posted = options.values.get("data-raw"), options.values.get("data-binary")
    body = _body(proc, posted) if posted is not None else raw
    method = options.values.get("request") or ("HEAD" if "head" in options.flags else "POST" if body is not None else "GET")
    url = _reached(proc, options, url, headers)
    with session(proc.host, "insecure" not in options.flags) as client:
        client.max_redirects = int(options.values.get("max-redirs", "50"))
        try:
            response = client.request(
                method, url, data=body, headers=headers, stream=True, timeout=timeout, allow_redirects="location" in options.flags
            )
            with response:
                _deliver(proc, options, response)
        except Refused as error:
            raise _refused(urlsplit(url)) from error
        except UnknownHost as error:
            raise _Failed(6, f"Could not resolve host: {error}") from error
        except requests.exceptions.TooManyRedirects as error:
            raise _Failed(47, f"Maximum ({client.max_redirects}) redirects followed") from error
        except requests.exceptions.RequestException as error:
            raise _classified(error, url) from error


def _telnet(proc: Process, options: _Options, url: str) -> None:
    """A connection over which nothing is sent, until the server ends it or the time is up; ``--write-out`` says whether there was one."""
    parts, clock = urlsplit(url), proc.host.clock
    address = str(parts.hostname)
    address = proc.host.network.address_of(address) or address
    connected = 0.0
    try:
        if not is_address(address):
            raise _Failed(6, f"Could not resolve host: {parts.hostname}")
        if proc.host.network.refuses(proc.host.name, address):
            raise _refused(parts)
        if not is_loopback(address):  # not of the lab: nobody answers
            proc.sleep(float(options.values.get("connect-timeout", "300")))
            raise _Failed(28, f"Failed to connect to {parts.hostname} port {parts.port}: Timed out")
        started = clock.seconds()
        try:
            with socket.create_connection((address, parts.port or 23), timeout=10.0):
                connected = max(clock.seconds() - started, 0.000001)
        except OSError as error:
            raise _Failed(7, f"Failed to connect to {parts.hostname} port {parts.port}: Connection refused") from error
        proc.sleep(float(options.values.get("max-time", "0")))
        raise _Failed(28, "Operation timed out")
    finally:
        text = options.values.get("write-out", "").replace("%{time_connect}", f"{connected:.6f}")
        proc.stdout.write(text.replace("\\n", "\n").encode())


def _refused(parts: SplitResult) -> _Failed:
    """WSAEACCES of connect(), in curl's words for it (lib/strerror.c)."""
    return _Failed(7, f"Failed to connect to {parts.hostname} port {parts.port or (443 if parts.scheme == 'https' else 80)}: Bad access")


def _reached(proc: Process, options: _Options, url: str, headers: dict[str, str]) -> str:
    """Where the URL leads. ``localhost`` is the host's own address: the lab's hosts have no loopback of their own."""
    parts = urlsplit(url)
    target = parts.hostname
    if "connect-to" in options.values:
        _host, _port, target, port = options.values["connect-to"].split(":")
        if _host or _port or port:
            raise _Failed(UNKNOWN_OPTION, "the lab knows --connect-to ::HOST: alone")
    if target != "localhost":
        return url
    headers.setdefault("Host", parts.netloc)
    return urlunsplit(parts._replace(netloc=proc.host.address + (f":{parts.port}" if parts.port else "")))


def _body(proc: Process, posted: str) -> bytes:
    """``--data-binary DATA`` or ``@FILE``, as it is (https://curl.se/docs/manpage.html#--data-binary)."""
    if not posted.startswith("@"):
        return posted.encode()
    try:
        return proc.host.fs.read(proc.full(posted[1:]), proc.logon)
    except WinError as error:
        raise _Failed(26, f"Failed to open {posted[1:]}") from error


def _classified(error: requests.exceptions.RequestException, url: str) -> _Failed:
    parts = urlsplit(url)
    where = f"{parts.hostname} port {parts.port or (443 if parts.scheme == 'https' else 80)}"
    causes = _causes(error)
    if isinstance(error, requests.exceptions.SSLError):
        if "CERTIFICATE_VERIFY_FAILED" in str(error) or "doesn't match" in str(error):
            why = "The certificate chain was issued by an authority that is not trusted."
            return _Failed(60, f"schannel: SEC_E_UNTRUSTED_ROOT (0x80090325) - {why}")
        return _Failed(35, f"schannel: failed to receive handshake, SSL/TLS connection failed: {where}")
    if isinstance(error, requests.exceptions.Timeout) or any(isinstance(one, socket.timeout) for one in causes):
        return _Failed(28, f"Operation timed out: {where}", transient=True)
    if any(isinstance(one, ConnectionRefusedError) for one in causes):
        return _Failed(7, f"Failed to connect to {where}: Connection refused")
    if any(isinstance(one, urllib3.exceptions.IncompleteRead) for one in causes):
        return _Failed(18, "transfer closed with outstanding read data remaining")
    if any(isinstance(one, socket.gaierror) for one in causes):
        return _Failed(6, f"Could not resolve host: {parts.hostname}")
    if any(isinstance(one, http.client.RemoteDisconnected) for one in causes):
        if parts.scheme == "https":
            return _Failed(56, "schannel: server closed abruptly (missing close_notify)")
        return _Failed(52, "Empty reply from server")
    if any(isinstance(one, (ConnectionResetError, BrokenPipeError)) for one in causes):
        return _Failed(56, "Recv failure: Connection was reset")
    return _Failed(7, f"Failed to connect to {where}: {type(error).__name__}")


def _causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    queue: list[object] = [error]
    while queue:
        one = queue.pop()
        if not isinstance(one, BaseException) or one in found:
            continue
        found.append(one)
        queue += [one.__cause__, one.__context__, getattr(one, "reason", None)]
        queue += one.args
    return found


def _deliver(proc: Process, options: _Options, response: requests.Response) -> None:
    if response.status_code >= 400 and "fail" in options.flags:
        _write_out(proc, options, response, 0)
        raise _Failed(22, f"The requested URL returned error: {response.status_code} {response.reason}", response.status_code in TRANSIENT)
    most = int(options.values.get("max-filesize", "0"))
    if most and int(response.headers.get("Content-Length", "0")) > most:
        raise _Failed(TOO_LARGE, "Maximum file size exceeded")
    head = f"HTTP/1.1 {response.status_code} {response.reason}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in response.headers.items()) + "\r\n"
    output = options.values.get("output")
    try:
        if "dump-header" in options.values:
            proc.host.fs.write(proc.full(options.values["dump-header"]), head.encode("latin-1"), proc.logon)
        size = 0
        if "head" in options.flags:
            _put(proc, output, head.encode("latin-1"))
        elif output:
            path = proc.full(output)
            folder = path.rpartition("\\")[0]
            if "create-dirs" in options.flags and not proc.host.fs.is_dir(folder + "\\", proc.logon):
                proc.host.fs.mkdir(folder, proc.logon)
            size = save(proc, response, path)
        else:
            for chunk in response.iter_content(CHUNK):
                proc.stdout.write(chunk)
                size += len(chunk)
    except WinError as error:
        if "silent" not in options.flags or "show-error" in options.flags:
            proc.error(f"Warning: Failed to create the file {output}: {error.text}")
        raise _Failed(23, f"Failed writing body (0 != {CHUNK})") from error
    _write_out(proc, options, response, size)


def _put(proc: Process, output: str | None, data: bytes) -> None:
    if output:
        proc.host.fs.write(proc.full(output), data, proc.logon)
    else:
        proc.stdout.write(data)


def _write_out(proc: Process, options: _Options, response: requests.Response, size: int) -> None:
    text = options.values.get("write-out")
    if text is None:
        return
    known = {"http_code": str(response.status_code), "size_download": str(size), "url_effective": response.url}
    known["content_type"] = response.headers.get("Content-Type", "")
    for name, value in known.items():
        text = text.replace(f"%{{{name}}}", value)
    proc.stdout.write(text.replace("\\n", "\n").encode())


COMMANDS = {f"{SYSTEM32}\\curl.exe": curl}

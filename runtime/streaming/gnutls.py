"""A DTLS connection by GnuTLS, for peers whose certificate OpenSSL refuses.

FFmpeg's WHIP publisher, where it is built on GnuTLS as in PyAV's wheels, makes a certificate on the curve P-224.
OpenSSL 4 takes that curve in no handshake (RFC 8422 deprecates it) and ends with an alert "illegal parameter". GnuTLS
takes it; the library is the one that comes with PyAV, or else the system's.
"""

from __future__ import annotations

import ctypes
import errno
import weakref
from collections import deque
from ctypes.util import find_library
from functools import cache
from pathlib import Path

import av
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from OpenSSL import SSL

from runtime.errors import Unavailable

PRIORITIES = b"NORMAL:-VERS-ALL:+VERS-DTLS1.2:+GROUP-SECP224R1"
SRTP_PROFILE = b"SRTP_AES128_CM_HMAC_SHA1_80"
OPENSSL_SRTP_PROFILE = b"SRTP_AES128_CM_SHA1_80"
"""The same by OpenSSL's name; the one that every WebRTC peer has (RFC 8827, 6.5)."""
MTU = 1200
FIRST_TIMEOUT, WHOLE_TIMEOUT = 500, 10_000
"""Milliseconds until a flight is sent again, and until the handshake is given up."""
WAITING = 64
"""Datagrams kept until they are read; further ones are lost, as DTLS allows."""

SERVER, CLIENT, DATAGRAM, NONBLOCK = 1, 2, 4, 8
PEM, CERTIFICATE, REQUIRE, WRITE_SIDE = 1, 1, 2, 1
AGAIN, INTERRUPTED = -28, -52
"""Values of gnutls.h."""


class _Datum(ctypes.Structure):
    _fields_ = [("data", ctypes.POINTER(ctypes.c_ubyte)), ("size", ctypes.c_uint)]


_Transfer = ctypes.CFUNCTYPE(ctypes.c_ssize_t, ctypes.c_void_p, ctypes.POINTER(ctypes.c_char), ctypes.c_size_t)
_Wait = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_uint)


@cache
def library() -> ctypes.CDLL:
    """GnuTLS. Raises Unavailable where there is none."""
    bundled = sorted((Path(av.__file__).parents[1] / "av.libs").glob("libgnutls-*.so*"))
    found = str(bundled[0]) if bundled else find_library("gnutls")
    if found is None:
        raise Unavailable("this publisher's certificate needs GnuTLS; install it with: apt install libgnutls30")
    lib = ctypes.CDLL(found)
    lib.gnutls_strerror.restype = ctypes.c_char_p
    lib.gnutls_certificate_get_peers.restype = ctypes.POINTER(_Datum)
    lib.gnutls_record_recv.restype = lib.gnutls_record_send.restype = ctypes.c_ssize_t
    lib.gnutls_transport_set_push_function.argtypes = [ctypes.c_void_p, _Transfer]
    lib.gnutls_transport_set_pull_function.argtypes = [ctypes.c_void_p, _Transfer]
    lib.gnutls_transport_set_pull_timeout_function.argtypes = [ctypes.c_void_p, _Wait]
    return lib


class GnutlsConnection:
    """What aiortc uses of pyOpenSSL's `SSL.Connection`, with memory on both sides; raises `SSL.Error` as that does."""

    def __init__(self, server: bool, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        """Raises Unavailable where GnuTLS is missing."""
        lib = self._lib = library()
        self._incoming: deque[bytes] = deque(maxlen=WAITING)
        self._outgoing: deque[bytes] = deque(maxlen=WAITING)
        self._done = False
        self._session, credentials = ctypes.c_void_p(), ctypes.c_void_p()
        role = SERVER if server else CLIENT
        _check(lib, lib.gnutls_init(ctypes.byref(self._session), role | DATAGRAM | NONBLOCK))
        _check(lib, lib.gnutls_certificate_allocate_credentials(ctypes.byref(credentials)))
        callbacks = _callbacks(lib, self._session, self._incoming, self._outgoing)
        weakref.finalize(self, _free, lib, self._session, credentials, callbacks)
        public = _datum(certificate.public_bytes(Encoding.PEM))
        private = _datum(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        _check(
            lib, lib.gnutls_certificate_set_x509_key_mem(credentials, ctypes.byref(public), ctypes.byref(private), PEM)
        )
        _check(lib, lib.gnutls_credentials_set(self._session, CERTIFICATE, credentials))
        _check(lib, lib.gnutls_priority_set_direct(self._session, PRIORITIES, None))
        _check(lib, lib.gnutls_srtp_set_profile_direct(self._session, SRTP_PROFILE, None))
        if server:
            lib.gnutls_certificate_server_set_request(self._session, REQUIRE)
        lib.gnutls_dtls_set_mtu(self._session, MTU)
        lib.gnutls_dtls_set_timeouts(self._session, FIRST_TIMEOUT, WHOLE_TIMEOUT)

    def do_handshake(self) -> None:
        """Goes on with the handshake. Raises SSL.WantReadError where the peer's turn has come."""
        self._result(self._lib.gnutls_handshake(self._session))
        self._done = True

    def bio_write(self, data: bytes) -> int:
        """Takes one datagram of the peer."""
        self._incoming.append(data)
        return len(data)

    def bio_read(self, limit: int) -> bytes:
        """What is to be sent, at most `limit` bytes in whole records: one datagram may hold several (RFC 6347, 4.1.1).

        Raises SSL.WantReadError where there is nothing.
        """
        data = b""
        while self._outgoing and len(data) + len(self._outgoing[0]) <= limit:
            data += self._outgoing.popleft()
        if not data:
            raise SSL.WantReadError
        return data

    def recv(self, limit: int) -> bytes:
        """Decrypted data. Raises SSL.WantReadError where there is none, SSL.ZeroReturnError where the peer ended it."""
        if not self._done:
            raise SSL.WantReadError
        buffer = ctypes.create_string_buffer(limit)
        count = self._result(self._lib.gnutls_record_recv(self._session, buffer, ctypes.c_size_t(limit)))
        if not count:
            raise SSL.ZeroReturnError
        return buffer.raw[:count]

    def send(self, data: bytes) -> int:
        """Encrypts data for the peer."""
        return self._result(self._lib.gnutls_record_send(self._session, data, ctypes.c_size_t(len(data))))

    def shutdown(self) -> None:
        """Says goodbye."""
        if self._done:
            self._result(self._lib.gnutls_bye(self._session, WRITE_SIDE))

    def DTLSv1_get_timeout(self) -> float | None:
        """Seconds until the last flight is due again; None once the handshake is done."""
        return None if self._done else max(0.01, self._lib.gnutls_dtls_get_timeout(self._session) / 1000)

    def DTLSv1_handle_timeout(self) -> None:
        """The next `do_handshake` sends again what is due."""

    def get_peer_certificate(self, as_cryptography: bool = True) -> x509.Certificate:
        """The peer's certificate. Raises SSL.Error where it has none."""
        count = ctypes.c_uint()
        chain = self._lib.gnutls_certificate_get_peers(self._session, ctypes.byref(count))
        if not count.value:
            raise SSL.Error("the peer has no certificate")
        return x509.load_der_x509_certificate(ctypes.string_at(chain[0].data, chain[0].size))

    def get_selected_srtp_profile(self) -> bytes:
        """OpenSSL's name of the only profile that was offered, or nothing where the peer has not taken it."""
        profile = ctypes.c_int()
        taken = self._lib.gnutls_srtp_get_selected_profile(self._session, ctypes.byref(profile)) == 0
        return OPENSSL_SRTP_PROFILE if taken else b""

    def export_keying_material(self, label: bytes, length: int) -> bytes:
        """Keys of both sides (RFC 5705, 4)."""
        out = ctypes.create_string_buffer(length)
        self._result(
            self._lib.gnutls_prf_rfc5705(
                self._session,
                ctypes.c_size_t(len(label)),
                label,
                ctypes.c_size_t(0),
                None,
                ctypes.c_size_t(length),
                out,
            )
        )
        return out.raw

    def _result(self, code: int) -> int:
        if code in (AGAIN, INTERRUPTED) or (code < 0 and not self._lib.gnutls_error_is_fatal(code)):
            raise SSL.WantReadError
        return _check(self._lib, code)


def _check(lib: ctypes.CDLL, code: int) -> int:
    if code < 0:
        raise SSL.Error(lib.gnutls_strerror(code).decode())
    return code


def _datum(data: bytes) -> _Datum:
    return _Datum((ctypes.c_ubyte * len(data)).from_buffer_copy(data), len(data))


def _callbacks(
    lib: ctypes.CDLL, session: ctypes.c_void_p, incoming: deque[bytes], outgoing: deque[bytes]
) -> tuple[object, ...]:
    """Makes GnuTLS read from and write to these two; what is returned must live as long as the session."""

    def push(_: int, data: ctypes._Pointer[ctypes.c_char], size: int) -> int:
        outgoing.append(ctypes.string_at(data, size))
        return size

    def pull(_: int, data: ctypes._Pointer[ctypes.c_char], size: int) -> int:
        if not incoming:
            lib.gnutls_transport_set_errno(session, errno.EAGAIN)
            return -1
        datagram = incoming.popleft()[:size]
        ctypes.memmove(data, datagram, len(datagram))
        return len(datagram)

    def wait(_: int, milliseconds: int) -> int:
        return int(bool(incoming))

    callbacks = _Transfer(push), _Transfer(pull), _Wait(wait)
    lib.gnutls_transport_set_push_function(session, callbacks[0])
    lib.gnutls_transport_set_pull_function(session, callbacks[1])
    lib.gnutls_transport_set_pull_timeout_function(session, callbacks[2])
    return callbacks


def _free(
    lib: ctypes.CDLL, session: ctypes.c_void_p, credentials: ctypes.c_void_p, callbacks: tuple[object, ...]
) -> None:
    """Ends the session; the callbacks are kept until here."""
    lib.gnutls_deinit(session)
    lib.gnutls_certificate_free_credentials(credentials)

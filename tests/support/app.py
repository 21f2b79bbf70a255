"""The application of the tests: answers at once, or does what the path says."""
import ctypes
import hashlib
import time
from urllib.parse import parse_qs

HELD = []


def hang(_):
    time.sleep(3600)


def leak(query):
    HELD.extend(open(__file__) for _ in range(int(query["n"][0])))


def spin(_):
    # One call of C: no Python runs before it returns, and so no handler of a signal.
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)


def crash(_):
    ctypes.string_at(0)


def eat(_):
    while True:
        HELD.append(bytearray(1 << 20))


PATHS = {"/hang": hang, "/leak": leak, "/spin": spin, "/crash": crash, "/eat": eat}


def application(environ, start_response):
    PATHS.get(environ["PATH_INFO"], lambda _: None)(parse_qs(environ["QUERY_STRING"]))
    start_response("200 OK", [("Content-Length", "3")])
    return [b"ok\n"]


async def asgi(scope, receive, send):
    if scope["type"] != "http":
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"3")]})
    await send({"type": "http.response.body", "body": b"ok\n"})

"""The API of the shop: what there is, and how many."""

import http.server
import json
import os

STOCK = {"apple": 3, "pear": 0}


class Api(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/healthz":
            return self.answer(200, {"ready": True})
        name = self.path.removeprefix("/api/stock/")
        if name in STOCK:
            return self.answer(200, {"name": name, "count": STOCK[name], "proto": self.headers.get("x-forwarded-proto")})
        self.answer(404, {"error": f"no {name}"})

    def answer(self, status, told):
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        # Who answered: `served-by` and `distinct` of scenarios ask for it.
        self.send_header("x-served-by", os.environ["MESHKAT_POD"])
        self.end_headers()
        self.wfile.write(body)


http.server.ThreadingHTTPServer((os.environ["MESHKAT_ADDRESS"], int(os.environ["MESHKAT_PORT"])), Api).serve_forever()

"""The pages of the shop. What there is it asks of the API, through the Envoy of its own pod."""

import argparse
import http.server
import json
import os
import urllib.error
import urllib.request

flags = argparse.ArgumentParser()
flags.add_argument("--listen", required=True, help="ADDRESS:PORT")
flags.add_argument("--api", required=True, help="the URL at which the API is reached")
flags = flags.parse_args()


class Web(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        request = urllib.request.Request(f"{flags.api}/api/stock/apple", headers={"host": "api"})
        try:
            with urllib.request.urlopen(request, timeout=2) as answer:
                count = json.load(answer)["count"]
        except (urllib.error.URLError, TimeoutError) as error:
            return self.answer(503, f"the API does not answer: {error}\n")
        self.answer(200, f"<h1>{os.environ['SHOP']}</h1><p>{count} apples\n")

    def answer(self, status, page):
        body = page.encode()
        self.send_response(status)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        self.send_header("x-served-by", os.environ["MESHKAT_POD"])
        self.end_headers()
        self.wfile.write(body)


address, port = flags.listen.rsplit(":", 1)
server = http.server.ThreadingHTTPServer((address, int(port)), Web)
print(f"the shop is open at {flags.listen}", flush=True)
server.serve_forever()

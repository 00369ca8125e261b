"""A gRPC service, and a client of it that finds it by discovery.

It says at which port the service is, reads the name to call from its input, and says who answered.
"""

import sys
from concurrent import futures

import grpc

METHOD = "/test.Names/Tell"
# Long, and no measure of anything: the caller waits as long itself.
PATIENCE = 60


class Names(grpc.GenericRpcHandler):
    def service(self, details):
        if details.method == METHOD:
            return grpc.unary_unary_rpc_method_handler(lambda request, context: b"I am " + request)
        return None


server = grpc.server(futures.ThreadPoolExecutor(max_workers=2), handlers=[Names()])
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(port, flush=True)
for line in sys.stdin:
    with grpc.insecure_channel("xds:///" + line.strip()) as channel:
        call = channel.unary_unary(METHOD)
        try:
            print(call(b"pet", timeout=PATIENCE, wait_for_ready=True).decode(), flush=True)
        except grpc.RpcError as error:
            print(error.code(), error.details().replace("\n", " "), flush=True)
server.stop(0)

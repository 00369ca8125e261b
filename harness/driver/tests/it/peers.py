"""Servers of other make: gRPC by grpcio with its reflection, WebSockets by websockets. Its arguments: what to serve, and for gRPC the
descriptor of a service. Says the port on which it listens, and serves until its input ends."""

import sys
import time
from concurrent import futures

WHAT = sys.argv[1]
# A server that nobody knows any more shuts down.
KEPT = []


def serve_grpc():
    import grpc
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    from grpc_reflection.v1alpha import reflection

    pool = descriptor_pool.DescriptorPool()
    files = descriptor_pb2.FileDescriptorSet.FromString(open(sys.argv[2], "rb").read())
    for file in files.file:
        pool.Add(file)
    request = message_factory.GetMessageClass(pool.FindMessageTypeByName("meshkat.echo.v1.EchoRequest"))
    response = message_factory.GetMessageClass(pool.FindMessageTypeByName("meshkat.echo.v1.EchoResponse"))

    def answer(message, number, received):
        return response(message=message.message, payload=message.payload, number=number, received=received)

    def unary(message, context):
        if message.message == "slow":
            # For as long as anybody waits: a deadline ends the call.
            while context.is_active():
                time.sleep(0.01)
        if message.message == "no":
            context.set_trailing_metadata([("x-why", "because")])
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "no, and again no: é")
        return answer(message, 1, 1)

    def server_stream(message, context):
        for number in range(message.count):
            yield answer(message, number + 1, 1)
        context.set_trailing_metadata([("x-count", str(message.count))])

    def client_stream(messages, context):
        all = list(messages)
        return response(message="".join(one.message for one in all), number=1, received=len(all))

    def bidi_stream(messages, context):
        for number, message in enumerate(messages):
            yield answer(message, number + 1, number + 1)

    def handler(make, function):
        return make(function, request_deserializer=request.FromString, response_serializer=response.SerializeToString)

    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    methods = {
        "Unary": handler(grpc.unary_unary_rpc_method_handler, unary),
        "ServerStream": handler(grpc.unary_stream_rpc_method_handler, server_stream),
        "ClientStream": handler(grpc.stream_unary_rpc_method_handler, client_stream),
        "BidiStream": handler(grpc.stream_stream_rpc_method_handler, bidi_stream),
    }
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("meshkat.echo.v1.Echo", methods)])
    reflection.enable_server_reflection(["meshkat.echo.v1.Echo"], server, pool)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    KEPT.append(server)
    return port


def serve_websocket():
    import threading

    from websockets.sync.server import serve

    def talk(socket):
        for message in socket:
            if message == "bye":
                socket.close(4000, "as you say")
            elif message == "break":
                socket.socket.close()
                return
            else:
                socket.send(message)

    def refuse(socket, request):
        if request.path == "/closed":
            return socket.respond(403, "not here\n")

    server = serve(talk, "127.0.0.1", 0, subprotocols=["chat"], process_request=refuse)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.socket.getsockname()[1]


print(serve_grpc() if WHAT == "grpc" else serve_websocket(), flush=True)
sys.stdin.read()

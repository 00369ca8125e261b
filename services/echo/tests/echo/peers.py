"""Asks an echo service what a gRPC client and a WebSocket client of other make ask. Its arguments: the address, and what to try."""

import asyncio
import sys

import grpc
import websockets
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

ADDRESS, WHAT = sys.argv[1:]
# Long, and no measure of anything: the caller waits as long itself.
PATIENCE = 60


def try_grpc():
    with grpc.insecure_channel(ADDRESS) as channel:
        reflection = ProtoReflectionDescriptorDatabase(channel)
        services = sorted(reflection.get_services())
        assert "meshkat.echo.v1.Echo" in services and "grpc.health.v1.Health" in services, services
        pool = DescriptorPool(reflection)
        echo = pool.FindServiceByName("meshkat.echo.v1.Echo")
        assert [method.name for method in echo.methods] == ["Unary", "ClientStream", "ServerStream", "BidiStream"]
        request = GetMessageClass(pool.FindMessageTypeByName("meshkat.echo.v1.EchoRequest"))
        response = GetMessageClass(pool.FindMessageTypeByName("meshkat.echo.v1.EchoResponse"))

        def call(kind, name):
            return getattr(channel, kind)(
                "/meshkat.echo.v1.Echo/" + name,
                request_serializer=request.SerializeToString,
                response_deserializer=response.FromString,
            )

        unary = call("unary_unary", "Unary")
        answer = unary(request(message="hello"), timeout=PATIENCE, metadata=[("x-colour", "blue")])
        assert answer.message == "hello" and answer.metadata["x-colour"] == "blue", answer
        # It rounds up what is left to the unit that it sends.
        assert 0 < answer.deadline_ms <= (PATIENCE + 1) * 1000, answer
        answer = call("stream_unary", "ClientStream")(iter([request(message="a"), request(message="b")]), timeout=PATIENCE)
        assert (answer.message, answer.received) == ("ab", 2), answer
        answers = call("unary_stream", "ServerStream")(request(count=3), timeout=PATIENCE)
        assert [answer.number for answer in answers] == [1, 2, 3]
        answers = call("stream_stream", "BidiStream")(iter([request(message="a"), request(message="b")]), timeout=PATIENCE)
        assert [answer.message for answer in answers] == ["a", "b"]
        try:
            unary(request(), timeout=PATIENCE, metadata=[("x-echo-grpc-status", "UNAVAILABLE"), ("x-echo-trailer", "x-why: tired")])
            raise AssertionError("no status")
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.UNAVAILABLE, error
            assert ("x-why", "tired") in [tuple(pair) for pair in error.trailing_metadata()], error


async def try_websocket():
    async with websockets.connect(f"ws://{ADDRESS}/chat?close=4001&reason=enough&after=2", proxy=None, subprotocols=["chat"]) as socket:
        assert socket.subprotocol == "chat"
        await (await socket.ping("there?"))
        for message in ["hello", b"\x00\xff"]:
            await socket.send(message)
            assert await socket.recv() == message
        try:
            await socket.recv()
            raise AssertionError("no close")
        except websockets.ConnectionClosed as closed:
            assert (closed.rcvd.code, closed.rcvd.reason) == (4001, "enough"), closed


if WHAT == "grpc":
    try_grpc()
else:
    asyncio.run(try_websocket())

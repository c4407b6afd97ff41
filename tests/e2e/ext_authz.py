"""An authorizer as Envoy asks one: gRPC and the messages are not ours.

Takes a port (0 for any), and with TLS a certificate and its key. Says the port, then one line for each question.
"""

import json
import sys
import time
from concurrent import futures

import grpc
from envoy.config.core.v3.base_pb2 import HeaderValue, HeaderValueOption
from envoy.service.auth.v3 import external_auth_pb2 as auth
from envoy.service.auth.v3 import external_auth_pb2_grpc
from envoy.type.v3.http_status_pb2 import HttpStatus
from google.rpc.status_pb2 import Status

OK, PERMISSION_DENIED, UNAUTHENTICATED = 0, 7, 16


def allowed(**fields):
    headers = [
        HeaderValueOption(header=HeaderValue(key=name.replace("_", "-"), value=value))
        for name, value in fields.items()
    ]
    ok = auth.OkHttpResponse(headers=headers)
    return auth.CheckResponse(status=Status(code=OK), ok_response=ok)


def denied(code, status):
    response = auth.DeniedHttpResponse(status=HttpStatus(code=status), body="the authorizer's own words")
    return auth.CheckResponse(status=Status(code=code), denied_response=response)


class Authorization(external_auth_pb2_grpc.AuthorizationServicer):
    def Check(self, request, context):
        http = request.attributes.request.http
        asked = {
            "client": request.attributes.source.address.socket_address.address,
            "method": http.method,
            "path": http.path,
            "host": http.host,
            "scheme": http.scheme,
            "protocol": http.protocol,
            "headers": dict(http.headers),
        }
        print(json.dumps(asked), flush=True)
        word = http.headers.get("authorization", "").removeprefix("Bearer ")
        if word == "401":
            return denied(UNAUTHENTICATED, 401)
        if word == "403":
            return denied(PERMISSION_DENIED, 403)
        if word == "429":
            return denied(PERMISSION_DENIED, 429)
        if word == "down":
            context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
        if word == "late":
            time.sleep(2)
        if word == "slow":
            time.sleep(0.2)
        if word == "large":
            return allowed(x_user="x" * 100_000)
        if word == "nobody":
            return allowed(x_org="acme")
        return allowed(x_user="ada", x_org="acme", x_roles="ops, admin")


server = grpc.server(futures.ThreadPoolExecutor(max_workers=8), options=[("grpc.so_reuseport", 0)])
external_auth_pb2_grpc.add_AuthorizationServicer_to_server(Authorization(), server)
address = f"127.0.0.1:{sys.argv[1]}"
if len(sys.argv) > 2:
    with open(sys.argv[2], "rb") as certificate, open(sys.argv[3], "rb") as key:
        pair = (key.read(), certificate.read())
    port = server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
else:
    port = server.add_insecure_port(address)
server.start()
print(port, flush=True)
server.wait_for_termination()

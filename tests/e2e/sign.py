"""Signs a request as RFC 9421 says, by a library that is not ours: http-message-signatures.

Reads one request in JSON, and writes the fields that it is to be sent with.
"""

import base64
import datetime
import hashlib
import json
import sys

from http_message_signatures import HTTPMessageSigner, HTTPSignatureKeyResolver, algorithms


class Message:
    def __init__(self, spec):
        self.method, self.url = spec["method"], spec["url"]
        self.headers = dict(spec["headers"])


class Keys(HTTPSignatureKeyResolver):
    def __init__(self, key):
        self.key = key

    def resolve_private_key(self, key_id):
        return self.key


spec = json.load(sys.stdin)
message = Message(spec)
body = spec["body"].encode()
covered = spec["covered"]
if "content-digest" in covered:
    digest = base64.b64encode(hashlib.sha512(body).digest()).decode()
    message.headers["Content-Digest"] = f"sha-512=:{digest}:"
key = spec["key"].encode()
signer = HTTPMessageSigner(
    signature_algorithm=getattr(algorithms, spec["alg"]),
    key_resolver=Keys(base64.b64decode(key) if spec["alg"] == "HMAC_SHA256" else key),
)
signer.sign(
    message,
    key_id=spec["key_id"],
    created=datetime.datetime.fromtimestamp(spec["created"]),
    nonce=spec["nonce"],
    covered_component_ids=covered,
    body=body if "content-digest" in covered else None,
    use_existing_digest="content-digest" in covered,
)
print(json.dumps(message.headers))

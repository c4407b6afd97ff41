"""What Global Accelerator's API says of one endpoint group, as far as a gateway asks it.

No emulator of this service is known. What the accelerator does with weights is not played.

Takes the group's ARN and its endpoints. Says its port. `GET /` and `PUT /` read and change what it holds.
"""

import sys

ARN, *ENDPOINTS = sys.argv[1:]
ACCELERATOR = Service("globalaccelerator", "us-west-2", "InvalidArgumentException")
HELD = {
    "weights": {endpoint: 0 for endpoint in ENDPOINTS},
    "health": {endpoint: "HEALTHY" for endpoint in ENDPOINTS},
    "dial": 100.0,
    "busy": False,
    "asked": {},
}


def group():
    describe = lambda endpoint: {
        "EndpointId": endpoint,
        "Weight": HELD["weights"][endpoint],
        "HealthState": HELD["health"][endpoint],
        "HealthReason": "target is unhealthy" if HELD["health"][endpoint] == "UNHEALTHY" else "",
        "ClientIPPreservationEnabled": True,
    }
    return {
        "EndpointGroup": {
            "EndpointGroupArn": ARN,
            "EndpointGroupRegion": "us-east-1",
            "EndpointDescriptions": [describe(endpoint) for endpoint in HELD["weights"]],
            "TrafficDialPercentage": HELD["dial"],
        }
    }


def update(asked):
    if HELD["busy"]:
        raise Wrong("TransactionInProgressException")
    configurations = asked.get("EndpointConfigurations")
    if configurations is not None:
        for one in configurations:
            if not one.get("ClientIPPreservationEnabled"):
                raise Wrong("InvalidArgumentException")
        # The API replaces the whole list.
        HELD["weights"] = {one["EndpointId"]: one.get("Weight", 128) for one in configurations}
    return group()


class Api(Handler):
    def do_GET(self):
        self.answer(200, HELD)

    def do_PUT(self):
        change = json.loads(self.body())
        for name, value in change.items():
            HELD[name] = HELD[name] | value if isinstance(value, dict) else value
        self.answer(200, HELD)

    def do_POST(self):
        try:
            name, asked = ACCELERATOR.operation(self, self.body())
            HELD["asked"][name] = HELD["asked"].get(name, 0) + 1
            if asked["EndpointGroupArn"] != ARN:
                raise Wrong("EndpointGroupNotFoundException")
            told = {"DescribeEndpointGroup": lambda _: group(), "UpdateEndpointGroup": update}[name](asked)
            told_wrong = ParamValidator().validate(told, ACCELERATOR.model.operation_model(name).output_shape)
            assert not told_wrong.has_errors(), told_wrong.generate_report()
            self.answer(200, told)
        except Wrong as wrong:
            self.answer(400, {"__type": str(wrong), "message": "as the test wants it"})


serve(Api)

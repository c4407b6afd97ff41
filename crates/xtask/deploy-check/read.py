"""Reads files that operators deploy, as the programs that take them would, and says what is wrong. Arguments: what to read, and files.

hcl FILE...           Terraform
yaml FILE...          any YAML
kubernetes FILE OUT   documents as Helm gives them; the region's files are written to the folder OUT
"""
import pathlib
import sys

import hcl2
import yaml


def kubernetes(rendered, out):
    text = pathlib.Path(rendered).read_text(encoding="utf-8")
    documents = [document for document in yaml.safe_load_all(text) if document]
    kinds = [document["kind"] for document in documents]
    by_kind = {document["kind"]: document for document in documents}
    nodes = by_kind.get("DaemonSet") or by_kind.get("Deployment")
    for wanted in ["ConfigMap", "Service", "PodDisruptionBudget", "ServiceMonitor"]:
        assert wanted in kinds, f"no {wanted} among {kinds}"
    for document in documents:
        assert document["apiVersion"] and document["metadata"]["name"], document
    pod = nodes["spec"]["template"]
    container = pod["spec"]["containers"][0]
    ports = {port["name"] for port in container["ports"]}
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"]:
        assert container[probe]["httpGet"]["port"] in ports, f"{probe} asks a port that there is not"
    volumes = {volume["name"] for volume in pod["spec"]["volumes"]}
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert volumes == mounted, f"{volumes} and {mounted}"
    labels = pod["metadata"]["labels"].items()
    selectors = [nodes["spec"]["selector"]["matchLabels"], by_kind["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"]]
    selectors += [document["spec"]["selector"] for document in documents if document["kind"] == "Service"]
    for selector in selectors:
        assert selector.items() <= labels, f"{selector} chooses no pod"
    monitor = by_kind["ServiceMonitor"]["spec"]
    chosen = [d for d in documents if d["kind"] == "Service" and monitor["selector"]["matchLabels"].items() <= d["metadata"]["labels"].items()]
    assert len(chosen) == 1, "the ServiceMonitor chooses one service"
    assert monitor["endpoints"][0]["port"] in {port["name"] for port in chosen[0]["spec"]["ports"]}
    folder = pathlib.Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in by_kind["ConfigMap"]["data"].items():
        yaml.safe_load(text)
        (folder / name).write_text(text)


what, files = sys.argv[1], sys.argv[2:]
if what == "kubernetes":
    kubernetes(*files)
for file in files if what in ("hcl", "yaml") else []:
    try:
        with open(file, encoding="utf-8") as text:
            hcl2.load(text) if what == "hcl" else list(yaml.safe_load_all(text))
    except Exception as error:  # Each of these libraries has errors of its own.
        sys.exit(f"{file}: {error}")

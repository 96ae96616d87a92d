"""The names that Terraform's AWS provider knows, of the types that deploy/terraform uses.

The provider itself cannot be asked without its own registry. The bindings of the Cloud Development Kit for
Terraform, a package of PyPI, are generated from its schema; they name every argument, say whether it is required, and
which attributes there are to read. What is used of them stands in aws_provider.json.

    python3 tests/deploy/provider_schema.py      # writes aws_provider.json anew; 60 MB are fetched
"""

import io
import json
import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile

PACKAGE = "cdktf-cdktf-provider-aws==21.22.1"
SCHEMA = pathlib.Path(__file__).with_name("aws_provider.json")


def camel(name, first=False):
    """`ec2_transit_gateway` as the bindings write it."""
    text = re.sub(r"_+(.)", lambda found: found.group(1).upper(), name)
    return text[0].upper() + text[1:] if first else text


def snake(prop):
    """The argument's own name, which the documentation of each property gives."""
    docs = prop["docs"]
    for text in (docs.get("summary", ""), docs.get("remarks", "")):
        found = re.search(r"#([a-z0-9_]+) [A-Z]", text)
        if found:
            return found.group(1)
    return None


class Assembly:
    """The bindings' own description of themselves."""

    def __init__(self, wheel):
        with zipfile.ZipFile(wheel) as outer:
            (inner,) = [name for name in outer.namelist() if name.endswith(".jsii.tgz")]
            with tarfile.open(fileobj=io.BytesIO(outer.read(inner))) as package:
                self.types = json.load(package.extractfile("package/.jsii"))["types"]
                manifest = json.load(package.extractfile("package/package.json"))
        self.version = manifest["cdktf"]["provider"]["version"]

    def block(self, fqn):
        """Its arguments: whether each is required, and what stands in it, if it is a block."""
        arguments = {}
        for prop in self.types[fqn].get("properties", []):
            name = snake(prop)
            if name is None:
                continue
            inner = next(iter(re.findall(r'"(@cdktf/provider-aws\.[^"]+)"', json.dumps(prop["type"]))), None)
            arguments[name] = {
                "required": not prop.get("optional", False),
                "block": self.block(inner) if inner and "properties" in self.types[inner] else None,
            }
        return arguments

    def kind(self, name, data):
        """One resource or data source by Terraform's name for it."""
        bare = ("data_" if data else "") + name
        bare = bare if data else name.removeprefix("aws_")
        wanted = camel(bare, first=True)
        (fqn,) = [f for f in self.types if f.lower().endswith(f".{wanted.lower()}config")]
        own = self.types[fqn.removesuffix("Config")]
        return {
            "arguments": self.block(fqn),
            "attributes": sorted(prop["name"] for prop in own.get("properties", [])),
        }


def main():
    import test_terraform

    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, PACKAGE],
            check=True,
        )
        (wheel,) = pathlib.Path(folder).glob("*.whl")
        assembly = Assembly(wheel)
    used = test_terraform.used_types()
    schema = {
        "provider": f"hashicorp/aws {assembly.version}",
        "resource": {name: assembly.kind(name, False) for name in sorted(used["resource"])},
        "data": {name: assembly.kind(name, True) for name in sorted(used["data"])},
    }
    SCHEMA.write_text(json.dumps(schema, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()

"""SBOM of the `genrescope` binary, CycloneDX 1.5, by cargo-cyclonedx; what is no crate is added, paths of this machine go.

    python3 reference/make_sbom.py OUT.cdx.json

Ends with an error where a crate that the binary is linked from is not in it.
"""

import json
import pathlib
import subprocess
import sys

from make_third_party_notices import ROOT, host, linked, metadata

PACKAGE = ROOT / "crates" / "genrescope-cli"
# cargo-cyclonedx chooses the place beside the manifest and adds an ending.
MADE = PACKAGE / "genrescope_bin.cdx.json"
# The binary holds these too, and no crate of their own stands for them.
OTHERS = [
    {"type": "data", "name": "MSD_musicnn", "version": "0.1.0", "licenses": [{"license": {"id": "ISC"}}],
     "description": "weights of a tagger, converted", "purl": "pkg:pypi/musicnn@0.1.0"},
    {"type": "data", "name": "DejaVu Sans", "licenses": [{"license": {"name": "Bitstream-Vera"}}],
     "description": "outlines of letters of PNG pictures"},
    {"type": "library", "name": "SQLite", "licenses": [{"license": {"id": "blessing"}}],
     "description": "compiled by the crate libsqlite3-sys"},
]


def made():
    command = ["cargo", "cyclonedx", "--quiet", "--manifest-path", str(PACKAGE / "Cargo.toml"), "--format", "json",
               "--describe", "binaries", "--target", host(), "--spec-version", "1.5", "--no-build-deps"]
    try:
        subprocess.run(command, cwd=ROOT, check=True)
        return json.loads(MADE.read_text().replace(f"file://{ROOT.resolve()}/", "file:///"))
    finally:
        MADE.unlink(missing_ok=True)


def missing(bill):
    listed = {(component["name"], component.get("version")) for component in bill["components"]}
    needed = linked(metadata("--offline", "--filter-platform", host()))
    return sorted({(package["name"], package["version"]) for package in needed} - listed)


def main():
    out = pathlib.Path(sys.argv[1])
    bill = made()
    bill["components"] += [{"bom-ref": f"other:{other['name']}", **other} for other in OTHERS]
    if absent := missing(bill):
        sys.exit(f"{out.name}: without {absent}")
    out.write_text(json.dumps(bill, indent=1) + "\n")
    print(f"{out.name}: {len(bill['components'])} components")


if __name__ == "__main__":
    main()

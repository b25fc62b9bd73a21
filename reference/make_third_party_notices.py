"""THIRD-PARTY-NOTICES.md: every crate that the `genrescope` binary and the Python wheel are built from, and its terms.

    python3 reference/make_third_party_notices.py            # rewrites the file (all platforms; may download crates)
    python3 reference/make_third_party_notices.py --check    # no network: this platform's crates against the file

Where a crate offers a choice, Apache-2.0 is taken, then MIT. The texts are the crates' own licence files; equal
ones are printed once, with the copyright lines of all crates that carry them.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).parent.parent
NOTICES = ROOT / "THIRD-PARTY-NOTICES.md"
BUILT = ["genrescope-cli", "genrescope-python"]
FEATURES = ["--features", "genrescope-python/arrow"]  # those of the wheel
LETTERS = ROOT / "crates" / "genrescope" / "src" / "report" / "picture" / "LETTERS-LICENCE"
MUSICNN = ROOT / "crates" / "genrescope" / "models" / "MUSICNN-LICENCE"
PAGE = ROOT / "crates" / "genrescope-web" / "page"
# What files of others say of themselves, and how a page loads what is not its own.
FOREIGN = r"(?i)copyright|@license|spdx|\(c\) \d|minified|sourceMappingURL|(src|href)=.https?:|@import|from .https?:"
USUAL_TEXT = {"MIT": ROOT / "LICENSE-MIT"}  # for crates that name a licence and carry no file of it
PREFERRED = ["Apache-2.0", "MIT", "Zlib", "BSD-3-Clause", "MIT-0", "Unlicense"]
HEAD = """# Third-party notices

Genrescope itself is under MIT or Apache-2.0, at your choice. Its binary and its Python wheel are built from the crates
below, each under its own terms. Made by `reference/make_third_party_notices.py`; do not edit by hand.

**Source of the parts under the Mozilla Public License 2.0.** The Symphonia crates are used unchanged. Their source
code is in the public crate registry under the names and versions of the table and at
<{symphonia}>; the licence is printed below and at <https://mozilla.org/MPL/2.0/>.

**Letters of PNG pictures.** `crates/genrescope/src/report/picture/letters.txt` holds outlines of letters of DejaVu
Sans, under these terms:

```text
{letters}
```

**Weights of musicnn.** `crates/genrescope/models/musicnn.safetensors` holds the weights of MSD_musicnn of the package
musicnn 0.1.0, converted to another layout and to half precision, under these terms (ISC):

```text
{musicnn}
```

**SQLite**, compiled by the crate libsqlite3-sys, is in the public domain. **Rust's standard library** is under
Apache-2.0 or MIT, at your choice; the notices of its own parts come with each toolchain as `COPYRIGHT-library.html`.

**The page** of `genrescope serve` and the pages of `timeline` and `report` are made of files of our own alone: no
script, font, picture or style of others is in them, and none is loaded from elsewhere.

Crates taken under Apache-2.0 come under the text in `LICENSE-APACHE`.

| crate | version | licence | taken under | source |
|---|---|---|---|---|
"""


def metadata(*options):
    command = ["cargo", "metadata", "--format-version", "1", "--locked", *FEATURES, *options]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout)


def host():
    lines = subprocess.run(["rustc", "-vV"], check=True, capture_output=True, text=True).stdout.splitlines()
    return next(line.removeprefix("host: ") for line in lines if line.startswith("host: "))


def linked(graph):
    """Packages reached from the binary and the wheel by normal dependencies, the project's own left out, by name and version."""
    packages = {package["id"]: package for package in graph["packages"]}
    edges = {node["id"]: node["deps"] for node in graph["resolve"]["nodes"]}
    waiting = [identity for identity, package in packages.items() if package["name"] in BUILT]
    reached = set(waiting)
    while waiting:
        for edge in edges[waiting.pop()]:
            normal = any(kind["kind"] is None for kind in edge["dep_kinds"])
            if normal and edge["pkg"] not in reached:
                reached.add(edge["pkg"])
                waiting.append(edge["pkg"])
    found = [packages[identity] for identity in reached if packages[identity]["source"]]
    return sorted(found, key=lambda package: (package["name"], package["version"]))


def taken_under(package):
    """The part of `A OR (B AND C)` that we choose, and all that it is joined to by AND."""
    expression = package["license"].replace("/", " OR ")
    required = [chosen(part.strip(" ()")) for part in expression.split(" AND ")]
    return " AND ".join(required)


def chosen(choice):
    offered = [offer.strip(" ()") for offer in choice.split(" OR ")]
    return next((name for name in PREFERRED if name in offered), offered[0])


def row(package):
    source = package["repository"] or package["homepage"] or "the crate registry"
    return f"| {package['name']} | {package['version']} | {package['license']} | {taken_under(package)} | {source} |"


def licence_file(package, names):
    folder = pathlib.Path(package["manifest_path"]).parent
    files = sorted(file for file in folder.iterdir() if re.match(r"(?i)(licen[cs]e|copying|unlicense)", file.name))
    fitting = [file for file in files if any(word in file.name.lower() for word in names)]
    plain = [file for file in files if "-" not in file.stem]
    found = fitting or plain or files
    return found[0].read_text(errors="replace") if found else None


def split_copyright(text):
    """(copyright lines, the terms, the terms with nothing but their words)"""
    lines = [line.strip() for line in text.replace("\r", "").splitlines()]
    holders = [line for line in lines if re.match(r"(?i)(copyright|©)\s*(\(c\)|©|\d)", line)]
    terms = "\n".join(line for line in lines if line not in holders).strip()
    body = re.sub(r"(?i)^(the )?mit license( \(mit\))?\s*", "", terms)
    return holders, terms, re.sub(r"\W+", " ", body).lower().strip()


def texts(packages):
    groups = {}
    for package in packages:
        for licence in taken_under(package).split(" AND "):
            if licence.startswith("Apache-2.0"):
                continue
            text = licence_file(package, {"MIT": ["mit"]}.get(licence, [licence.split("-")[0].lower()]))
            named = f"{package['name']} {package['version']}"
            holders, terms, words = split_copyright(text or USUAL_TEXT[licence].read_text())
            holders = holders if text and holders else [f"Copyright (c) {', '.join(package['authors']) or 'its authors'}"]
            group = groups.setdefault((licence, words), {"terms": terms, "whole": text or terms, "members": []})
            group["members"].append((named, holders))
    return [section(licence, group) for (licence, _), group in sorted(groups.items(), key=lambda item: item[0])]


def section(licence, group):
    alone = len(group["members"]) == 1
    members = "\n".join(f"- {name}" if alone else f"- {name}: {'; '.join(holders)}" for name, holders in group["members"])
    return f"## {licence}\n\n{members}\n\n```text\n{(group['whole'] if alone else group['terms']).strip()}\n```\n"


def head(packages):
    symphonia = next(package["repository"] for package in packages if package["name"] == "symphonia")
    return HEAD.format(symphonia=symphonia, letters=LETTERS.read_text().strip(), musicnn=MUSICNN.read_text().strip())


def notices(packages):
    table = "\n".join(row(package) for package in packages)
    return head(packages) + table + "\n\n" + "\n".join(texts(packages))


def missing_rows(packages):
    """Rows of this platform that the file lacks, and rows of the file that no locked crate stands behind."""
    written = set(re.findall(r"^\| \S+ \| \d\S* \| .*$", NOTICES.read_text(), re.M))
    needed = {row(package) for package in packages}
    lock = (ROOT / "Cargo.lock").read_text()
    locked = set(re.findall(r'name = "(\S+)"\nversion = "(\S+)"', lock))
    gone = {line for line in written if tuple(cell.strip() for cell in line.split("|")[1:3]) not in locked}
    return sorted(needed - written) + sorted(gone)


def untrue_claims(packages):
    """What the head of the file leaves out, and files of the page that look as if others had written them."""
    if not NOTICES.read_text().startswith(head(packages)):
        yield "its text before the table is not that of make_third_party_notices.py"
    for file in sorted(PAGE.iterdir()):
        if mark := re.search(FOREIGN, file.read_text()):
            yield f"{file.name} of the page says `{mark.group()}`: whose is it?"


def main():
    parser = argparse.ArgumentParser(description="third-party notices of the binary and the wheel")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    if parser.parse_args().check:
        packages = linked(metadata("--filter-platform", host()))
        wrong = missing_rows(packages) + list(untrue_claims(packages))
        sys.exit("THIRD-PARTY-NOTICES.md is out of date:\n" + "\n".join(wrong) if wrong else 0)
    NOTICES.write_text(notices(linked(metadata())))


if __name__ == "__main__":
    main()

"""Makes folders of three made-up genres of the clips that are at hand as audio, as a user's own might be: links, a folder a
genre, one an artist below it.

    python reference/make_regrouped.py ../shared/data runs/regrouped
    genrescope train --from runs/twin/model.safetensors runs/regrouped --out experiments/fine-tuning

`runs/twin` is the twin of the shipped model, which has heard nothing of these clips' artists (experiments/default-model).
"""

import csv
import sys
from pathlib import Path

GROUPS = {"acoustic": ["blues", "classical", "country", "jazz"], "loud": ["metal", "rock"], "dance": ["disco", "hiphop", "pop", "reggae"]}


def main() -> None:
    data, out = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    artists = {row["clip"]: row["artist"] for row in csv.DictReader((data / "gtzan-mel/tracks.csv").open())}
    for group, genres in GROUPS.items():
        for clip in sorted(path for genre in genres for path in (data / "gtzan-mini" / genre).glob("*.*")):
            folder = out / group / f"artist {artists.get(clip.stem) or clip.stem}"
            folder.mkdir(parents=True, exist_ok=True)
            link = folder / clip.name
            if not link.exists():
                link.symlink_to(clip)


if __name__ == "__main__":
    main()

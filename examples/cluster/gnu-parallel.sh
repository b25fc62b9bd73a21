#!/usr/bin/env bash
# gnu-parallel.sh MANIFEST SHARDS OUT [OPTION…]: all shards on this machine, one a core; options go to GNU parallel,
# for example `--sshloginfile hosts` for more machines that see the same folders.
set -euo pipefail
manifest=$1 shards=$2 out=$3
shift 3

# 1: some tracks failed and are rows with `error`; the shard is done.
shard() {
    "${GENRESCOPE:-genrescope}" analyze --manifest "$1" --shard "$3/$2" --out "$4" --threads 1 || [ $? -eq 1 ]
}
export -f shard

# Tried three times, as a shard that ran out of memory may fit once fewer run.
seq 0 $((shards - 1)) | parallel --env shard --env GENRESCOPE --retries 3 "$@" shard "$manifest" "$shards" {} "$out"

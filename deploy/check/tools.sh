#!/bin/sh
# Put the checkers of deploy/ into a directory: Python's by pip, Go's built from their modules. Usage: tools.sh DIRECTORY
# Needs Go 1.26 and Python 3.11. promtool is the slow one; Debian's package prometheus has it, too.
set -eu
directory=$1
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
mkdir -p "$directory/bin"
directory=$(CDPATH='' cd -- "$directory" && pwd)

"${PYTHON:-python3}" -m venv "$directory/venv"
"$directory/venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt"
"$directory/venv/bin/python" "$here/schemas.py" 1.37.0 "$directory/kubernetes-1.37.0"

command -v go >/dev/null || { echo "Go is needed to build the checkers (1.26 or newer)" >&2; exit 1; }
export GOBIN="$directory/bin" CGO_ENABLED=0
build() { # NAME MODULE
	[ -x "$GOBIN/$1" ] || { echo "building $1"; go install -buildvcs=false -ldflags '-s -w' "$2"; }
}
build kubeconform github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0
build kustomize sigs.k8s.io/kustomize/kustomize/v5@v5.7.1
build builder go.opentelemetry.io/collector/cmd/builder@v0.165.0
# What `docker compose config` uses to read and check a file; its command is called cmd.
build cmd github.com/compose-spec/compose-go/v2/cmd@v2.16.2
command -v promtool >/dev/null || build promtool github.com/prometheus/prometheus/cmd/promtool@v0.316.0

if [ ! -x "$GOBIN/otelcol" ]; then
	echo "building otelcol"
	(cd "$directory" && "$GOBIN/builder" --config "$here/collector.yaml" >builder.log 2>&1) || { tail "$directory/builder.log" >&2; exit 1; }
	cp "$directory/otelcol/otelcol" "$GOBIN/otelcol"
fi

#!/bin/sh
# Every file of deploy/ by its own checker. TOOLS is where tools.sh put them, with its bin/ on the PATH.
set -eu
cd "$(dirname -- "$0")/../.."
python=$TOOLS/venv/bin/python
made=$TOOLS/made
mkdir -p "$made"

step() { printf '\n== %s\n' "$1"; }

step "hadolint: Containerfile"
"$TOOLS/venv/bin/hadolint" --config .hadolint.yaml Containerfile

step "yamllint: all YAML"
"$TOOLS/venv/bin/yamllint" --strict -c deploy/check/yamllint.yaml deploy

step "compose: read, interpolated and checked against the specification"
sh deploy/secrets.sh "$made/secrets"
cmd deploy/compose.yaml >"$made/compose.yaml"
grep -c 'condition: service_healthy' "$made/compose.yaml"

step "kubeconform: base and overlays, as kustomize makes them, strict"
schemas="-schema-location $TOOLS/kubernetes-1.37.0/{{.ResourceKind}}{{.KindSuffix}}.json"
schemas="$schemas -schema-location deploy/check/{{.ResourceKind}}{{.KindSuffix}}.json"
for name in base overlays/small overlays/production; do
	file="$made/$(basename "$name").yaml"
	kustomize build "deploy/kubernetes/$name" >"$file"
	# shellcheck disable=SC2086 # words, each an argument
	kubeconform -strict -summary $schemas "$file"
done
# shellcheck disable=SC2086
kubeconform -strict -summary $schemas deploy/kubernetes/secret.example.yaml

step "promtool: configuration, rules, and what the rules do"
promtool check config deploy/prometheus/prometheus.yaml
promtool test rules deploy/prometheus/alerts.test.yaml

step "dashboards: their shape, and every question by promtool"
"$python" deploy/check/dashboards.py "$made/dashboards.rules.yaml"
promtool check rules "$made/dashboards.rules.yaml"

step "otelcol: the collector's configuration"
TRACES_ENDPOINT=localhost:4317 otelcol validate --config deploy/otel/collector.yaml

step "xml: ClickHouse's fragments"
"$python" -c 'import sys, xml.dom.minidom as x; [x.parse(f) for f in sys.argv[1:]]' deploy/clickhouse/*.xml

printf '\nall well\n'

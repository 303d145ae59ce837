#!/bin/sh
# Random secrets for deploy/compose.yaml, one a file; what is there already stays. Usage: deploy/secrets.sh DIRECTORY
# The directory is for its owner alone. The files in it can be read by all: in the containers other users read them.
set -eu
umask 077
directory=${1:?usage: deploy/secrets.sh DIRECTORY}
mkdir -p "$directory"
cd "$directory"

new() { [ -s "$1" ] || od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$1"; }

for name in jwt_secret_key clickhouse_password clickhouse_backup_password postgres_password redis_password \
	grafana_password; do new "$name"; done
rm -f database_url redis_url redis.conf clickhouse_users.xml # made of the others, anew: they cannot be written to
printf 'postgresql://openride:%s@postgres:5432/openride_reports' "$(cat postgres_password)" >database_url
printf 'redis://:%s@redis:6379/2' "$(cat redis_password)" >redis_url
printf 'requirepass %s\n' "$(cat redis_password)" >redis.conf
user() { # NAME FILE
	hash=$(printf %s "$(cat "$2")" | sha256sum | cut -d ' ' -f 1)
	printf '<%s><password_sha256_hex>%s</password_sha256_hex></%s>' "$1" "$hash" "$1"
}
printf '<clickhouse><users>%s%s</users></clickhouse>\n' \
	"$(user openride clickhouse_password)" "$(user backup clickhouse_backup_password)" >clickhouse_users.xml
chmod 0444 ./*

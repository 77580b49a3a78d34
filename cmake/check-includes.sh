#!/usr/bin/env bash
# Arrows between folders point down only, and every third-party header has one home. Prints each offence; exit 1 if any.
set -euo pipefail
cd "$(dirname "$0")/.."

# A room may include itself and what stands before it here.
declare -A allowed=(
	[base]="base"
	[token]="base token"
	[config]="base config"
	[http]="base http"
	[store]="base store"
	[events]="base config http store events"
	[license]="base config store events license"
	[connect]="base token config http store events license connect"
	[market]="base config http store events license market"
	[segment]="base config http store events license segment"
	[github]="base token config http store events license github"
	[forge]="base token config http store events license forge"
	[authz]="base token config http store events license connect forge authz"
	[admin]="base token config http store events license connect market segment github forge admin"
	[sim]="base token config http connect sim"
)
# header pattern -> files that may include it
home() {
	case $1 in
	microhttpd.h) echo 'src/http/' ;;
	curl/*) echo 'src/http/client' ;;
	sqlite3.h) echo 'src/store/' ;;
	libpq-fe.h) echo 'src/store/' ;;
	jwt.h) echo 'src/token/token_mint.c' ;;
	openssl/*) echo 'src/base/secret.c src/base/digest.c src/base/algorithms.h src/token/token src/sim/keys.c' ;;
	zlib.h) echo 'src/http/static' ;;
	*) echo 'src/' ;;
	esac
}

bad=0
complain() { printf '%s\n' "$1"; bad=1; }
while IFS=: read -r file line text; do
	room=${file#src/}
	case $room in */*) room=${room%%/*} ;; *) room=top ;; esac
	inc=$(sed -E 's/^[^"<]*["<]([^">]+)[">].*/\1/' <<<"$text")
	if [[ $text == *\"* ]]; then
		target=${inc%%/*}
		[ "$inc" = "$target" ] && target=top
		if [ "$room" != top ] && [[ " ${allowed[$room]:-} " != *" $target "* ]]; then
			complain "$file:$line: src/$room may not include $inc"
		fi
	else
		ok=0
		for h in $(home "$inc"); do [[ $file == "$h"* ]] && ok=1; done
		[ $ok = 1 ] || complain "$file:$line: <$inc> does not live here"
	fi
done < <(grep -nE '^[[:space:]]*#[[:space:]]*include' -r src --include='*.c' --include='*.h' --include='*.def')
exit $bad

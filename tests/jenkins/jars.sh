#!/bin/bash
# Gets what pom.xml names, once, and prints the folder where the jars are: in the cache (TREENAIL_BUILD_CACHE) under
# the digest of what it was made of. They are those of jars.sha256, or none.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")"
cache=${TREENAIL_BUILD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/treenail-build}
count=$(wc -l <jars.sha256)
digest=$(cat jars.sh pom.xml jars.sha256 | sha256sum)
jars=$cache/jenkins-jars-${digest::16}
if [ ! -d "$jars" ]; then
	mkdir -p "$cache"
	exec {lock}>"$jars.lock"
	flock "$lock"
	if [ ! -d "$jars" ]; then
		rm -rf "$jars.new"
		mvn -q -B -f pom.xml -Dmaven.repo.local="$cache/maven" \
			org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
			-DoutputDirectory="$jars.new" >&2
		(cd "$jars.new" && sha256sum --quiet -c - && [ "$(find . -name "*.jar" | wc -l)" = "$count" ]) \
			<jars.sha256 >&2
		mv -T "$jars.new" "$jars"
	fi
fi
echo "$jars"

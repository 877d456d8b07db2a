#!/bin/bash
# make check-jenkins: the pipelines of examples/jenkins by JenkinsPipelineUnit, with real Terraform and Ansible.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin" "$work/classes"
tests=(PlaybookTest)
if program=$(command -v "${TERRAFORM:-terraform}"); then
	ln -s "$program" "$work/bin/terraform"
	tests+=(TerraformTest)
else
	echo "LEFT OUT: the pipelines of Terraform, as no \`terraform\` is on PATH"
fi
[ $# = 0 ] || tests=("$@")
jars=$(./jars.sh)
core=$(../env/venv.sh core-2.19)
java=(java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto --add-opens java.base/java.lang=ALL-UNNAMED
	--add-opens java.base/java.util=ALL-UNNAMED -cp "$jars/*:$work/classes" -Dexamples="$(readlink -f ../../examples/jenkins)")
"${java[@]}" org.codehaus.groovy.tools.FileSystemCompiler -d "$work/classes" ./*.groovy
PATH=$work/bin:$core/bin:$PATH "${java[@]}" org.junit.runner.JUnitCore "${tests[@]}" | tee "$work/log" || :
./reports.py | tee "$work/reports" || :
awk '/^OK \(/ { gsub(/[^0-9]/, "", $2); p += $2; ran = 1 }
	/^Tests run:/ { gsub(/[^0-9 ]/, ""); p += $1 - $2; f += $2; ran = 1 }
	/^[0-9]+ passed, / { p += $1; f += $3; reports = 1 }
	END { f += !ran + !reports; printf "%d passed, %d failed\n", p, f; exit f > 0 }' "$work"/{log,reports}

#!/bin/sh
# vip.sh: holds an address on one of several control planes, of which each runs it, with those of
# kube-vip's settings that it needs for that. Who has not heard of the holder for vip_leaseduration
# seconds takes its place; who cannot say that it is there gives up.
set -u
shared=${address:?}/${vip_subnet:?}
config=/etc/kubernetes/admin.conf url=https://kubernetes:${port:?}/apis/coordination.k8s.io/v1/namespaces/${cp_namespace:?}/leases
interface=${vip_interface:-$(ip route show default | sed -n '1s/.* dev \([^ ]*\).*/\1/p')}
for part in certificate-authority client-certificate client-key; do
	(umask 077 && sed -n "s/^ *$part-data: //p" $config | base64 -d >/run/$part) || exit
done

# api METHOD PATH: with the body on its input
api()
{
	curl -sSf -m "${vip_renewdeadline:?}" -X "$1" -H 'Content-Type: application/json' --cacert /run/certificate-authority \
		--cert /run/client-certificate --key /run/client-key --data-binary @- "$url$2" 2>/run/error
}

# field NAME: of the lease on the input
field()
{
	tr -d ' \n' | sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p"
}

# lease [VERSION]: says that we hold it
lease()
{
	printf '{"metadata": {"name": "%s"%s}, "spec": {"holderIdentity": "%s", "leaseDurationSeconds": %d, "renewTime": "%s"}}' \
		"${vip_leasename:?}" "${1:+, \"resourceVersion\": \"$1\"}" "${vip_nodename:?}" "${vip_leaseduration:?}" \
		"$(date -u +%Y-%m-%dT%H:%M:%S.000000Z)"
}

# try: whether we hold it now
try()
{
	have=$(api GET "/$vip_leasename" </dev/null) || {
		grep -q ' 404' /run/error && lease | api POST '' >/dev/null
		return
	}
	version=$(echo "$have" | field resourceVersion)
	[ "$version" = "$seen" ] || { seen=$version since=$(date +%s); }
	[ "$(echo "$have" | field holderIdentity)" = "$vip_nodename" ] ||
		[ $(($(date +%s) - since)) -ge "$vip_leaseduration" ] || return
	lease "$version" | api PUT "/$vip_leasename" >/dev/null
}

give_up()
{
	ip addr del "$shared" dev "$interface" 2>/dev/null
}

trap 'give_up; exit' TERM INT
give_up
seen='' since=$(date +%s) held=$since
while :; do
	if try; then
		ip addr add "$shared" dev "$interface" 2>/dev/null && echo "holds $address"
		arping -q -U -c 1 -I "$interface" "$address"
		held=$(date +%s)
	elif [ $(($(date +%s) - held)) -ge "$vip_renewdeadline" ]; then
		give_up && echo "gives $address up: $(cat /run/error)"
	fi
	sleep "${vip_retryperiod:?}" &
	wait $!
done

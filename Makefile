# Treenail. `make help` lists what there is to make.
VERSION := 0.1.0
PREFIX  ?= /usr/local
CC      ?= gcc
O       ?= build/obj
B       ?= build/bin

PKGS    := libcurl json-c openssl yaml-0.1 zlib libnghttp2 libprotobuf-c libssh2
WARN    := -Wall -Wextra -Wno-missing-field-initializers -Wshadow -Wconversion -Wno-sign-conversion \
	-Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wpointer-arith \
	-Wwrite-strings -Wvla -Wundef -Wcast-qual -Wformat=2 -Wimplicit-fallthrough -Wswitch-enum \
	-Wnull-dereference $(if $(DEV),-Werror)
HARDEN  := -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
CFLAGS  ?= -O2 -g $(HARDEN)
LDFLAGS ?= -pie -Wl,-z,relro,-z,now -Wl,--as-needed
CPPFLAGS += -D_GNU_SOURCE -DVERSION='"$(VERSION)"' -Iinclude -Iansible_modules -Iproviders/terraform -Iproviders/terraform/server -Itests \
	-Iproviders/terraform/protocol -isystem $(O)/protocol
COMPILE = $(CC) -std=gnu11 $(CPPFLAGS) $(WARN) $(CFLAGS) $(shell pkg-config --cflags $(PKGS)) -pthread -MMD -MP
LINK    = $(CC) $(CFLAGS) $(LDFLAGS)
LIBS    = $(shell pkg-config --libs $(PKGS)) -pthread -lm
Q       := $(if $(V),,@)

# Every file of lib/openstack declares the resource of its name: the file list is the registry.
RESOURCES := $(sort $(basename $(notdir $(wildcard lib/openstack/*.c))))
LIB     := $(wildcard lib/*.c lib/session/*.c lib/openstack/*.c lib/openstack/common/*.c lib/kubernetes/*.c lib/ssh/*.c lib/node/*.c lib/cluster/*.c $(filter-out %/main.c,$(wildcard lib/agent/*.c)))
LIBOBJ  := $(LIB:%.c=$(O)/%.o) $(O)/registry.o $(O)/agent_bytes.o
UNITS   := $(basename $(notdir $(wildcard tests/t_*.c)))

all: $(B)/treenail-openstack $(B)/treenail-kubernetes $(B)/treenail-host $(B)/treenail-external $(B)/terraform-provider-openstack $(B)/terraform-provider-external $(B)/terraform-provider-kubectl $(B)/terraform-provider-treenail ## build the programs

$(O)/registry.c: Makefile $(wildcard lib/openstack)
	@mkdir -p $(@D)
	$(Q){ echo '#include "resource.h"'; \
	  for r in $(RESOURCES); do echo "extern const struct resource os_$$r;"; done; \
	  echo 'const struct resource *const resources[] = {'; \
	  for r in $(RESOURCES); do echo "	&os_$$r,"; done; echo '	NULL,'; echo '};'; } >$@

# So is that of ansible_modules/kubernetes/ and host/, whose modules are no resources of the engine's: NAME.c is
# the module of that name, PREFIX_NAME in C.
PREFIX_kubernetes := kube
PREFIX_host       := host
define FOLDER
NAMES_$(1) := $$(sort $$(basename $$(notdir $$(wildcard ansible_modules/$(1)/*.c))))
$$(O)/$(1)_modules.c: Makefile $$(wildcard ansible_modules/$(1))
	@mkdir -p $$(@D)
	$$(Q){ echo '#include "resource.h"'; \
	  for r in $$(NAMES_$(1)); do echo "extern const struct resource $$(PREFIX_$(1))_$$$$r;"; done; \
	  echo 'extern const struct resource *const $(1)_modules[];'; \
	  echo 'const struct resource *const $(1)_modules[] = {'; \
	  for r in $$(NAMES_$(1)); do echo "	&$$(PREFIX_$(1))_$$$$r,"; done; echo '	NULL,'; echo '};'; } >$$@
$$(O)/lib$(1).a: $$(patsubst %.c,$$(O)/%.o,$$(wildcard ansible_modules/$(1)/*.c ansible_modules/$(1)/*/*.c)) $$(O)/$(1)_modules.o
	@echo "  AR   $$@"
	$$(Q)rm -f $$@ && ar qcs $$@ $$^
endef
$(foreach f,kubernetes host,$(eval $(call FOLDER,$(f))))

$(O)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC   $<"
	$(Q)$(COMPILE) -c $< -o $@
$(O)/%.o: $(O)/%.c
	@echo "  CC   $<"
	$(Q)$(COMPILE) -c $< -o $@

# What runs on nodes: static, of json-c and libc alone, and a part of the programs that send it there.
AGENT := $(patsubst %.c,$(O)/%.o,$(wildcard lib/agent/*.c) $(addprefix lib/,base64.c buf.c clock.c err.c json.c mem.c text.c))
$(B)/treenail-agent: $(AGENT)
	@mkdir -p $(@D)
	@echo "  LD   $@"
	$(Q)$(CC) $(CFLAGS) $(if $(findstring sanitize,$(CFLAGS)),,-static-pie) -Wl,-z,relro,-z,now $^ -ljson-c -lm -pthread -o $@
$(O)/agent_bytes.S: $(B)/treenail-agent
	$(Q)strip -o $(@D)/agent $<
	$(Q){ echo '.section .rodata'; echo '.global agent_bytes, agent_bytes_end, agent_sha256'; \
	  echo 'agent_bytes: .incbin "$(@D)/agent"'; echo 'agent_bytes_end:'; \
	  echo "agent_sha256: .asciz \"$$(sha256sum <$(@D)/agent | cut -c1-64)\""; \
	  echo '.section .note.GNU-stack,"",@progbits'; } >$@
$(O)/agent_bytes.o: $(O)/agent_bytes.S
	$(Q)$(CC) -c $< -o $@

$(O)/libtreenail.a: $(LIBOBJ)
	@echo "  AR   $@"
	$(Q)rm -f $@ && ar qcs $@ $^

# A program that Terraform starts as a plugin; knows none of its messages.
$(O)/libplugin.a: $(patsubst %.c,$(O)/%.o,$(wildcard providers/terraform/server/*.c))
	@echo "  AR   $@"
	$(Q)rm -f $@ && ar qcs $@ $^

# Terraform's messages: the .proto as C, what reads and writes them, and values. What may include
# message.h waits for the header.
PROTO   := $(O)/protocol/tfplugin6.pb-c
$(PROTO).c $(PROTO).h &: providers/terraform/protocol/tfplugin6.proto
	@mkdir -p $(@D)
	@echo "  GEN  $(PROTO).c"
	$(Q)protoc-c --c_out=$(@D) --proto_path=$(<D) $<
$(PROTO).o: WARN := -w
$(patsubst %.c,$(O)/%.o,$(wildcard providers/terraform/*/*.c providers/terraform/*/*/*.c tests/*.c tests/fuzz/*.c)): | $(PROTO).h
$(O)/libprotocol.a: $(patsubst %.c,$(O)/%.o,$(wildcard providers/terraform/protocol/*.c)) $(PROTO).o
	@echo "  AR   $@"
	$(Q)rm -f $@ && ar qcs $@ $^

# What both providers are made of beside their own folder.
$(O)/libadapter.a: $(patsubst %.c,$(O)/%.o,$(wildcard providers/terraform/adapter/*.c))
	@echo "  AR   $@"
	$(Q)rm -f $@ && ar qcs $@ $^

$(B)/terraform-provider-%: $(O)/providers/terraform/late_curl.o $(O)/libadapter.a $(O)/libprotocol.a $(O)/libplugin.a $(O)/libtreenail.a
	@mkdir -p $(@D)
	@echo "  LD   $@"
	$(Q)$(LINK) $(filter %.o,$^) $(filter %.a,$^) $(filter-out -lcurl,$(LIBS)) -o $@
$(B)/terraform-provider-openstack: $(patsubst %.c,$(O)/%.o,$(wildcard providers/terraform/openstack/*.c))
$(B)/terraform-provider-external: $(patsubst %.c,$(O)/%.o,$(wildcard providers/terraform/external/*.c))
$(B)/terraform-provider-treenail: $(patsubst %.c,$(O)/%.o,$(wildcard providers/terraform/treenail/*.c))
# Under this name it has no other types: it reads ~/.kube/config unasked, as those do whose place it takes.
$(B)/terraform-provider-kubectl: $(B)/terraform-provider-kubernetes
	$(Q)ln -sf $(<F) $@
$(B)/terraform-provider-kubernetes: $(patsubst %.c,$(O)/%.o,$(wildcard providers/terraform/kubernetes/*.c providers/terraform/kubernetes/*/*.c))

ADAPTER = $(patsubst %.c,$(O)/%.o,$(filter-out ansible_modules/main_%,$(wildcard ansible_modules/*.c)))
$(B)/treenail-openstack: $(O)/ansible_modules/main_openstack.o $(ADAPTER) $(O)/libtreenail.a
$(B)/treenail-kubernetes: $(O)/ansible_modules/main_kubernetes.o $(ADAPTER) $(O)/libkubernetes.a $(O)/libtreenail.a
$(B)/treenail-host: $(O)/ansible_modules/main_host.o $(ADAPTER) $(O)/libhost.a $(O)/libtreenail.a
$(B)/treenail-external: $(patsubst %.c,$(O)/%.o,$(wildcard providers/external/*.c)) $(O)/libtreenail.a
$(B)/treenail-openstack $(B)/treenail-kubernetes $(B)/treenail-host $(B)/treenail-external:
	@mkdir -p $(@D)
	@echo "  LD   $@"
	$(Q)$(LINK) $^ $(LIBS) -o $@

# ---- the providers as `terraform init` installs them ----

PROVIDERS = $(addprefix $(B)/terraform-provider-,openstack external kubernetes kubectl treenail)
MIRROR    = build/providers
TARGET    = linux_$(patsubst aarch64,arm64,$(patsubst x86_64,amd64,$(shell uname -m)))

providers: $(PROVIDERS) ## a folder for `terraform init`, and its CLI configuration; PEERS=1: also under the names of those replaced
	$(Q)rm -rf $(MIRROR).new && mkdir -p $(MIRROR).new
	$(Q)for p in $(PROVIDERS); do strip -o $(MIRROR).new/$${p##*/} $$p || exit 1; done
	$(Q)providers/terraform/mirror.py $(MIRROR) $(VERSION) $(TARGET) $(if $(PEERS),peers) $(PROVIDERS:$(B)/%=$(MIRROR).new/%)
	$(Q)rm -r $(MIRROR).new

# ---- documentation and the collection: out of the tables ----

SYSTEMS  := openstack kubernetes host
DOCS     ?= build/docs
MODULES   = $(SYSTEMS:%=$(DOCS)/%/modules.txt)
$(DOCS)/%/modules.txt: $(B)/treenail-%
	@mkdir -p $(@D)
	$(Q)rm -f $(@D)/*.yml $(@D)/*.md
	$(Q)$< --list >$@.new
	$(Q)while read -r m; do $< --doc $$m >$(@D)/$$m.yml; $< --markdown $$m >$(@D)/$$m.md; done <$@.new
	$(Q)mv $@.new $@

TFDOCS = build/docs/terraform
docs: $(MODULES) $(PROVIDERS) ## documentation of all modules and providers into build/docs
	$(Q)rm -rf $(TFDOCS) && mkdir -p $(TFDOCS)
	$(Q)$(B)/terraform-provider-openstack -docs $(TFDOCS)/openstack
	$(Q)$(B)/terraform-provider-external -docs $(TFDOCS)/external
	$(Q)$(B)/terraform-provider-kubernetes -docs $(TFDOCS)/kubernetes
	$(Q)$(B)/terraform-provider-treenail -docs $(TFDOCS)/treenail

VENV    = $(shell tests/env/venv.sh $(1))
PACKED    ?= build/collection
COLLECTIONS = $(SYSTEMS:%=$(PACKED)/treenail-%-$(VERSION).tar.gz)
$(PACKED)/treenail-%-$(VERSION).tar.gz: $(DOCS)/%/modules.txt $(shell find ansible_modules/collection -type f)
	@echo "  PACK $@"
	$(Q)strip -o $(DOCS)/$*/treenail-$* $(B)/treenail-$*
	$(Q)ANSIBLE_GALAXY=$(call VENV,core-2.19)/bin/ansible-galaxy \
		ansible_modules/collection/build.sh $(PACKED) $* $< $(<D) $(<D)/treenail-$*

collection: $(COLLECTIONS) ## the Ansible collections, as ansible-galaxy installs them offline

PROGRAMS  = $(SYSTEMS:%=$(B)/treenail-%) $(B)/treenail-external
install: $(PROGRAMS) $(MODULES) providers ## programs, providers, modules and pages; DESTDIR, PREFIX
	install -D -m 755 -s -t $(DESTDIR)$(PREFIX)/bin $(PROGRAMS)
	install -d $(DESTDIR)$(PREFIX)/share/treenail/library
	$(foreach s,$(SYSTEMS),while read -r m; do ln -sf ../../../bin/treenail-$s $(DESTDIR)$(PREFIX)/share/treenail/library/treenail_$$m; done <$(DOCS)/$s/modules.txt &&) true
	mkdir -p $(DESTDIR)$(PREFIX)/share/terraform/plugins && cp -r $(MIRROR)/registry.* $(DESTDIR)$(PREFIX)/share/terraform/plugins
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/doc/treenail README.md LICENSE $(SYSTEMS:%=$(DOCS)/%/*.md)
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/doc/treenail/docs docs/*.md

# ---- unit tests: tests/t_*.c, each a program of its own, and fuzzers: tests/fuzz/fuzz_*.c ----

TESTLIB = $(patsubst %.c,$(O)/%.o,$(filter-out tests/t_%,$(wildcard tests/*.c)) ansible_modules/task.c ansible_modules/result.c ansible_modules/output.c providers/external/lookup.c)
SANITIZE = -O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=undefined

$(O)/tests/%.o $(O)/tests/fuzz/%.o: PKGS += check
$(O)/libtests.a: $(TESTLIB)
	@echo "  AR   $@"
	$(Q)rm -f $@ && ar qcs $@ $^

$(B)/tests/%: $(O)/tests/%.o $(O)/libtests.a $(O)/libadapter.a $(O)/libplugin.a $(O)/libprotocol.a $(O)/libkubernetes.a $(O)/libtreenail.a
	@mkdir -p $(@D)
	@echo "  LD   $@"
	$(Q)$(LINK) $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LIBS) $(shell pkg-config --libs check) -o $@

# Tables and conversions alone: no adapter, no server.
$(B)/tests/t_typed: $(patsubst %.c,$(O)/%.o,$(filter-out %/work.c,$(wildcard providers/terraform/kubernetes/typed/*.c)))
$(B)/tests/t_manifest: $(patsubst %,$(O)/providers/terraform/kubernetes/%.o,adoption clusters live manifest subject)
$(B)/tests/t_treenail: $(patsubst %,$(O)/providers/terraform/treenail/%.o,hosts host_file host_exec cluster)
$(B)/tests/t_adoption: $(O)/providers/terraform/kubernetes/adoption.o
$(B)/tests/t_typed_work: $(patsubst %.c,$(O)/%.o,$(wildcard providers/terraform/kubernetes/typed/*.c)) $(patsubst %,$(O)/providers/terraform/kubernetes/%.o,adoption clusters live subject typed_worker)

# What needs no process of its own for each test runs in one, where all that leaks is seen at the end.
ALONE = t_adoption t_args t_between t_engine t_pattern t_ready t_routes t_protocol t_scenarios t_tables t_terraform t_torture t_typed t_typed_work t_values
units: $(UNITS:%=$(B)/tests/%) $(B)/tests/system/kubernetes_operations

check: units ## unit tests; UNITS="t_args t_engine" for some of them
	$(Q)failed=; for t in $(UNITS); do echo "  TEST $$t"; \
	  ASAN_OPTIONS=allocator_may_return_null=1 TSAN_OPTIONS=allocator_may_return_null=1 \
	  CK_FORK=$$(case " $(ALONE) " in *" $$t "*) echo no;; *) echo yes;; esac) \
	  CK_VERBOSITY=normal timeout 900 $(B)/tests/$$t >$(B)/tests/$$t.log 2>&1 || { \
	    failed="$$failed $$t"; tail -n 60 $(B)/tests/$$t.log; }; \
	  grep -E '^[0-9]*%|LEFT OUT' $(B)/tests/$$t.log | sed 's/^/       /'; done; \
	if [ "$$failed" ]; then echo "failed:$$failed"; exit 1; fi

san: ## the programs with the sanitizers of addresses, leaks and undefined behaviour, in build/san/bin
	$(Q)$(MAKE) --no-print-directory O=$(dir $(O))san B=$(dir $(O))san/bin LDFLAGS= \
		CFLAGS='$(SANITIZE) -fsanitize=address,undefined' all

check-san: ## the same with the sanitizers of addresses, leaks and undefined behaviour
	$(Q)$(MAKE) --no-print-directory O=$(dir $(O))san B=$(dir $(O))san/bin LDFLAGS= \
		CFLAGS='$(SANITIZE) -fsanitize=address,undefined' check

# Those that have threads of their own.
THREADED = $(filter t_terraform t_plugin t_values t_engine t_scenarios t_http t_session t_cluster t_wait t_ssh t_ssh_pool t_forward t_treenail,$(UNITS))
check-tsan: ## the threaded ones with the sanitizer of threads
	$(Q)TORTURE=networking_network_v2 $(MAKE) --no-print-directory O=$(dir $(O))tsan B=$(dir $(O))tsan/bin LDFLAGS= \
		CFLAGS='$(SANITIZE) -fsanitize=thread' UNITS='$(THREADED)' check

FUZZERS := $(basename $(notdir $(wildcard tests/fuzz/fuzz_*.c)))
FUZZ_S  ?= 20
fuzz: ## fuzzers, FUZZ_S=20 seconds each; FUZZERS="fuzz_args" for some of them
	$(Q)$(MAKE) --no-print-directory O=$(dir $(O))fuzz B=$(dir $(O))fuzz/bin CC=clang-14 LDFLAGS= \
		CFLAGS='$(SANITIZE) -fsanitize=fuzzer-no-link,address,undefined' fuzz-run

$(B)/fuzz/%: $(O)/tests/fuzz/%.o $(O)/libtests.a $(O)/libplugin.a $(O)/libprotocol.a $(O)/libtreenail.a
	@mkdir -p $(@D)
	@echo "  LD   $@"
	$(Q)$(LINK) -fsanitize=fuzzer $^ $(LIBS) -o $@

fuzz-run: $(FUZZERS:%=$(B)/fuzz/%)
	$(Q)for f in $(FUZZERS); do echo "  FUZZ $$f"; mkdir -p $(O)/corpus/$$f; \
	  $(B)/fuzz/$$f -max_total_time=$(FUZZ_S) -timeout=20 -rss_limit_mb=2048 -artifact_prefix=$(O)/$$f- \
	    -print_final_stats=1 $(O)/corpus/$$f $$(ls -d tests/fuzz/corpus/$${f#fuzz_} 2>/dev/null) \
	    >$(O)/$$f.log 2>&1 || { tail -n 60 $(O)/$$f.log; exit 1; }; \
	  grep -E 'number_of_executed|peak_rss' $(O)/$$f.log | sed 's/^/       /'; done

check-jenkins: ## the pipelines of examples/jenkins, by JenkinsPipelineUnit; TESTS="TerraformTest" for some of them
	$(Q)tests/jenkins/run.sh $(TESTS)

# ---- the lab, and what runs against it ----

LAB     = build/lab
CLOUDS  = OS_CLIENT_CONFIG_FILE=$(CURDIR)/$(LAB)/clouds.yaml

setup:
	$(Q)tests/setup.sh

lab-up: ## start OpenStack and Kubernetes (installs them first)
	$(Q)tests/lab/kubernetes/up.sh $(LAB)/kubernetes & kubernetes=$$!; \
	tests/lab/up.sh $(LAB); rc=$$?; wait $$kubernetes && exit $$rc

lab-down: kubernetes-lab-down ## stop both
	$(Q)tests/lab/down.sh $(LAB)

kubernetes-lab-up: ## start Kubernetes alone
	$(Q)tests/lab/kubernetes/up.sh $(LAB)/kubernetes

kubernetes-lab-down: ## stop it
	$(Q)tests/lab/kubernetes/down.sh $(LAB)/kubernetes

demo: setup ## set up everything, run the examples on the lab, show what they made
	$(Q)tests/demo.sh

test: setup ## set up everything, run all tests
	$(Q)tests/all.sh

integration: all collection ## the modules of both systems, by real ansible-playbook, against the running lab; CASES="network k8s"
	$(Q)$(call VENV,core-2.19)/bin/python tests/integration/run.py --lab $(LAB) --state build/integration \
		--ansible $(call VENV,core-2.19)/bin/ansible-playbook --collections $(PACKED) $(CASES)

terraform: all ## the provider of OpenStack, by real terraform, against the running lab; CASES="networking_port"
	$(Q)$(call VENV,core-2.19)/bin/python tests/terraform/run.py --lab $(LAB) --state build/terraform --bin $(B) $(CASES)

kubernetes-torture: $(B)/tests/system/kubernetes_torture ## every call to a real API server failing in turn, as t_torture does with calls to a pretended cloud
	$(Q)KUBECONFIG=$(CURDIR)/$(LAB)/kubernetes/one/kubeconfig CK_VERBOSITY=normal $<

terraform-kubernetes: all ## the provider of Kubernetes, the same way; CASES="manifest"
	$(Q)SECOND_KUBECONFIG=$(CURDIR)/$(LAB)/kubernetes/two/kubeconfig $(call VENV,core-2.19)/bin/python tests/terraform/kubernetes/run.py \
		--kubeconfig $(CURDIR)/$(LAB)/kubernetes/one/kubeconfig --state build/terraform-kubernetes --bin $(B) $(CASES)

terraform-examples: all ## the examples of the providers' documentation, by real terraform, against the running lab; PAGES="resources/compute_keypair_v2"
	$(Q)$(call VENV,core-2.19)/bin/python tests/terraform/examples.py --lab $(LAB) --state build/terraform-examples --bin $(B) $(PAGES)

terraform-modules: all ## the modules of modules/, by their own tests, also against the running lab; CASES="openstack-nodes" for some of them
	$(Q)$(call VENV,core-2.19)/bin/python tests/terraform/modules.py --lab $(LAB) --state build/terraform-modules --bin $(B) $(CASES)

terraform-schema: $(B)/terraform-provider-openstack $(B)/terraform-provider-kubectl ## the providers' schemas are those of the ones they replace
	$(Q)$(call VENV,core-2.19)/bin/python tests/terraform/schema.py --state build/terraform --bin $(B)
	$(Q)$(call VENV,core-2.19)/bin/python tests/terraform/schema.py --state build/terraform --bin $(B) --provider kubernetes
	$(Q)$(call VENV,core-2.19)/bin/python tests/terraform/schema.py --state build/terraform --bin $(B) --provider kubectl

bench: all collection ## compare with the peers on the running lab; fails if a target is missed
	$(Q)missed=; for b in run terraform kubernetes ssh; do \
	  $(call VENV,core-2.19)/bin/python tests/bench/$$b.py || missed="$$missed $$b"; \
	done; [ -z "$$missed" ] || { echo "bench: missed targets:$$missed"; exit 1; }

lint: ## format, banned functions, clang-tidy, spelling, scripts
	$(Q)tests/lint.sh

clean: ## remove what was built, but for the lab
	$(Q)rm -rf build/obj build/bin build/san build/tsan build/fuzz build/collection build/docs build/providers

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(firstword $(MAKEFILE_LIST)) | sed 's/:.*## /\t/' | expand -t 22

.PHONY: san all units check check-jenkins check-san check-tsan fuzz fuzz-run clean help docs providers collection install setup lab-up lab-down kubernetes-lab-up kubernetes-lab-down demo test integration kubernetes-torture terraform terraform-kubernetes terraform-examples terraform-modules terraform-schema bench lint
.SECONDARY:
-include $(wildcard $(O)/*.d $(O)/*/*.d $(O)/*/*/*.d $(O)/*/*/*/*.d $(O)/*/*/*/*/*.d)

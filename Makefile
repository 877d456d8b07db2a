# Treenail. `make help` lists what there is to make.
VERSION := 0.1.0
PREFIX  ?= /usr/local
CC      ?= gcc
O       ?= build/obj
B       ?= build/bin

PKGS    := libcurl json-c openssl yaml-0.1
WARN    := -Wall -Wextra -Wno-missing-field-initializers -Wshadow -Wconversion -Wno-sign-conversion \
	-Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wpointer-arith \
	-Wwrite-strings -Wvla -Wundef -Wcast-qual -Wformat=2 -Wimplicit-fallthrough -Wswitch-enum \
	-Wnull-dereference $(if $(DEV),-Werror)
HARDEN  := -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
CFLAGS  ?= -O2 -g $(HARDEN)
LDFLAGS ?= -pie -Wl,-z,relro,-z,now -Wl,--as-needed
CPPFLAGS += -D_GNU_SOURCE -DVERSION='"$(VERSION)"' -Iinclude -Iansible_modules -Itests
COMPILE = $(CC) -std=gnu11 $(CPPFLAGS) $(WARN) $(CFLAGS) $(shell pkg-config --cflags $(PKGS)) -pthread -MMD -MP
LINK    = $(CC) $(CFLAGS) $(LDFLAGS)
LIBS    = $(shell pkg-config --libs $(PKGS)) -pthread
Q       := $(if $(V),,@)

# Every file of lib/openstack declares the resource of its name: the file list is the registry.
RESOURCES := $(sort $(basename $(notdir $(wildcard lib/openstack/*.c))))
LIB     := $(wildcard lib/*.c lib/session/*.c lib/openstack/*.c)
LIBOBJ  := $(LIB:%.c=$(O)/%.o) $(O)/registry.o
UNITS   := $(basename $(notdir $(wildcard tests/t_*.c)))

all: $(B)/treenail-openstack $(B)/treenail-external ## build the programs

$(O)/registry.c: Makefile $(wildcard lib/openstack)
	@mkdir -p $(@D)
	$(Q){ echo '#include "resource.h"'; \
	  for r in $(RESOURCES); do echo "extern const struct resource os_$$r;"; done; \
	  echo 'const struct resource *const resources[] = {'; \
	  for r in $(RESOURCES); do echo "	&os_$$r,"; done; echo '	NULL,'; echo '};'; } >$@

$(O)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC   $<"
	$(Q)$(COMPILE) -c $< -o $@
$(O)/%.o: $(O)/%.c
	@echo "  CC   $<"
	$(Q)$(COMPILE) -c $< -o $@

$(O)/libtreenail.a: $(LIBOBJ)
	@echo "  AR   $@"
	$(Q)rm -f $@ && ar rcs $@ $^

$(B)/treenail-openstack: $(patsubst %.c,$(O)/%.o,$(wildcard ansible_modules/*.c)) $(O)/libtreenail.a
$(B)/treenail-external: $(patsubst %.c,$(O)/%.o,$(wildcard providers/external/*.c)) $(O)/libtreenail.a
$(B)/treenail-openstack $(B)/treenail-external:
	@mkdir -p $(@D)
	@echo "  LD   $@"
	$(Q)$(LINK) $^ $(LIBS) -o $@

clean: ## remove what was built, but for the lab
	$(Q)rm -rf build/obj build/bin build/san build/collection build/docs

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

.PHONY: all clean help
-include $(wildcard $(O)/*.d $(O)/*/*.d $(O)/*/*/*.d)

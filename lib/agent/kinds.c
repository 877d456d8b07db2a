#include "agent/agent.h"

extern const struct agent_kind agent_absent, agent_block, agent_command, agent_facts, agent_file,
	agent_folder, agent_image, agent_kernel_module, agent_link, agent_package, agent_read,
	agent_ready, agent_reboot, agent_service, agent_space, agent_swap, agent_sysctl, agent_time;

const struct agent_kind *const agent_kinds[] = {
	&agent_absent, &agent_block,  &agent_command,       &agent_facts,   &agent_file,
	&agent_folder, &agent_image,  &agent_kernel_module, &agent_link,    &agent_package,
	&agent_read,   &agent_ready,  &agent_reboot,        &agent_service, &agent_space,
	&agent_swap,   &agent_sysctl, &agent_time,          NULL,
};

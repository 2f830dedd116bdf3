"""Compose files that ask for more than a task's services may have, each with the place that is named."""

SERVICE = "services: {{main: {{}}, db: {{image: x, {}}}}}"
_NETWORKS = ", ".join(f"n{number}" for number in range(20))
HOSTILE: dict[str, tuple[str, str]] = {
    name: (SERVICE.format(text) if "services:" not in text else text, place)
    for name, (text, place) in {
        "privileged": ("privileged: true", "services.db.privileged"),
        "network of the host": ("network_mode: host", "services.db.network_mode"),
        "network of a container": ("network_mode: 'container:other'", "services.db.network_mode"),
        "network of a service": ("network_mode: 'service:main'", "services.db.network_mode"),
        "bridge of the engine": ("network_mode: bridge", "services.db.network_mode"),
        "processes of the host": ("pid: host", "services.db.pid"),
        "ipc of the host": ("ipc: host", "services.db.ipc"),
        "users of the host": ("userns_mode: host", "services.db.userns_mode"),
        "names of the host": ("uts: host", "services.db.uts"),
        "cgroup of the host": ("cgroup: host", "services.db.cgroup"),
        "cgroup by path": ("cgroup_parent: /system.slice", "services.db.cgroup_parent"),
        "devices": ("devices: ['/dev/kmsg:/dev/kmsg']", "services.db.devices"),
        "device rules": ("device_cgroup_rules: ['a *:* rwm']", "services.db.device_cgroup_rules"),
        "devices reserved": (
            "deploy: {resources: {reservations: {devices: [{capabilities: [gpu]}]}}}",
            "services.db.deploy.resources.reservations.devices",
        ),
        "capability of the administrator": ("cap_add: [SYS_ADMIN]", "services.db.cap_add.0"),
        "capability of the network": ("cap_add: [CAP_NET_ADMIN]", "services.db.cap_add.0"),
        "all capabilities": ("cap_add: [ALL]", "services.db.cap_add.0"),
        "no seccomp": ("security_opt: ['seccomp:unconfined']", "services.db.security_opt"),
        "sysctls": ("sysctls: {net.ipv4.ip_forward: 1}", "services.db.sysctls"),
        "runtime": ("runtime: other", "services.db.runtime"),
        "out of memory": ("oom_score_adj: -1000", "services.db.oom_score_adj"),
        "root of the host": ("volumes: ['/:/host']", "/ lies outside"),
        "socket of the engine": (
            "volumes: ['/var/run/docker.sock:/run/docker.sock']",
            "/var/run/docker.sock lies outside",
        ),
        "home": ("volumes: ['~/.ssh:/keys:ro']", "/.ssh lies outside"),
        "parent folder": ("volumes: ['../tests:/data']", "tests lies outside"),
        "link out of the folder": ("volumes: ['./out:/data']", "lies outside"),
        "folder with a link out": ("volumes: ['./inner:/data']", "link out of the task's folder"),
        "by a variable": ("volumes: ['${PWD:-/}:/data']", "lies outside"),
        "mount over the tests": ("volumes: ['/tests']", "services.db.volumes.0.target"),
        "mount over the reward": (
            "services: {main: {volumes: ['vol:/logs/verifier']}}\nvolumes: {vol: {}}",
            "/logs/verifier lies where the verifier writes",
        ),
        "files of the task in main": ("services: {main: {volumes: ['./seed:/data']}}", "main.volumes"),
        "volumes of a container": ("volumes_from: ['container:other']", "services.db.volumes_from"),
        "options of memory": ("tmpfs: ['/x:exec,suid']", "services.db.tmpfs.0"),
        "much memory": ("shm_size: 64g", "services.db.shm_size"),
        "memory without a limit": ("tmpfs: ['/x:size=0']", "services.db.tmpfs.0"),
        "much memory for files": ("tmpfs: ['/x:size=2000m']", "services.db.tmpfs.0"),
        "many networks": (
            f"services: {{main: {{networks: [{_NETWORKS}]}}}}\nnetworks: {{{_NETWORKS}}}",
            "networks: Dictionary should have at most 16",
        ),
        "a date as a key": ("2001-01-01: x", "is no text"),
        "zero as a key": ("0: x\nservices: {main: {}}", "is no text"),
        "nothing as a key": ("? \n: x\nservices: {main: {}}", "is no text"),
        "bytes as a key": ("? !!binary aGk=\n: x\nservices: {main: {}}", "is no text"),
        "published port": ("ports: ['8080:80']", "services.db.ports"),
        "any published port": ("ports: ['80']", "services.db.ports"),
        "name of this machine": (
            "extra_hosts: ['host.docker.internal:host-gateway']",
            "services.db.extra_hosts",
        ),
        "names by another server": ("dns: 8.8.8.8", "services.db.dns"),
        "links": ("external_links: [other]", "services.db.external_links"),
        "log elsewhere": (
            "logging: {driver: syslog, options: {syslog-address: 'tcp://10.0.0.1:1'}}",
            "services.db.logging",
        ),
        "secret": (
            "services: {main: {secrets: [key]}}\nsecrets: {key: {file: /etc/shadow}}",
            "services.main.secrets",
        ),
        "secret of the environment": (
            "services: {main: {secrets: [key]}}\nsecrets: {key: {environment: HOME}}",
            "services.main.secrets",
        ),
        "config": (
            "services: {main: {configs: [key]}}\nconfigs: {key: {file: /etc/shadow}}",
            "services.main.configs",
        ),
        "external network": (
            "services: {main: {networks: [n]}}\nnetworks: {n: {external: true}}",
            "networks.n.external",
        ),
        "network of the host by driver": (
            "services: {main: {networks: [n]}}\nnetworks: {n: {driver: host}}",
            "networks.n.driver",
        ),
        "options of a network": (
            "services: {main: {networks: [n]}}\nnetworks: {n: {driver_opts: {parent: eth0}}}",
            "networks.n.driver_opts",
        ),
        "fixed address": (
            "services: {main: {networks: [n]}}\nnetworks: {n: {ipam: {config: [{subnet: 10.0.0.0/8}]}}}",
            "networks.n.ipam",
        ),
        "external volume": (
            "services: {main: {volumes: ['vol:/data']}}\nvolumes: {vol: {external: true}}",
            "volumes.vol.external",
        ),
        "folder as a volume": (
            "services: {main: {volumes: ['vol:/data']}}\n"
            "volumes: {vol: {driver_opts: {type: none, o: bind, device: /}}}",
            "volumes.vol.driver_opts",
        ),
        "other Compose file": ("services: {main: {}}\ninclude: [../other.yaml]", "include"),
        "extends another file": ("extends: {file: /etc/other.yaml, service: x}", "db.extends"),
        "variables of a file": ("env_file: /etc/passwd", "db.env_file"),
        "variables of a file by variable": ("env_file: ['${HOME}/.env']", "db.env_file"),
        "variables of a linked file": ("env_file: [{path: ./out}]", "db.env_file"),
        "labels of a file": ("label_file: /etc/passwd", "db.label_file"),
        "context outside": ("services: {main: {}, db: {build: ..}}", "lies outside"),
        "context in the net": (
            "services: {main: {}, db: {build: 'https://example.com/x.git'}}",
            "https://example.com/x.git",
        ),
        "Dockerfile outside": (
            "services: {main: {}, db: {build: {context: ., dockerfile: ../../Dockerfile}}}",
            "lies outside",
        ),
        "linked Dockerfile": (
            "services: {main: {}, db: {build: {context: ., dockerfile: out}}}",
            "lies outside",
        ),
        "more contexts": (
            "services: {main: {}, db: {build: {context: ., additional_contexts: {x: /}}}}",
            "services.db.build.additional_contexts",
        ),
        "agent of ssh": (
            "services: {main: {}, db: {build: {context: ., ssh: [default]}}}",
            "services.db.build.ssh",
        ),
        "secrets of a build": (
            "services: {main: {}, db: {build: {context: ., secrets: [key]}}}\nsecrets: {key: {file: /x}}",
            "services.db.build.secrets",
        ),
        "network of a build": (
            "services: {main: {}, db: {build: {context: ., network: host}}}",
            "services.db.build.network",
        ),
        "privileged build": (
            "services: {main: {}, db: {build: {context: ., privileged: true}}}",
            "services.db.build.privileged",
        ),
        "many containers": ("scale: 100", "services.db.scale"),
        "many replicas": ("deploy: {replicas: 100}", "services.db.deploy.replicas"),
        "endless health check": (
            "healthcheck: {test: x, retries: 100000}",
            "services.db.healthcheck.retries",
        ),
        "unknown key": ("develop: {watch: []}", "services.db.develop"),
        "hook on start": ("post_start: [{command: x, privileged: true}]", "services.db.post_start"),
        "provider of the host": (
            "services: {main: {}, db: {provider: {type: /bin/sh}}}",
            "provider",
        ),
        "circle": (
            "services: {main: {depends_on: [db]}, db: {image: x, depends_on: [main]}}",
            "main",
        ),
        "no main": ("services: {main: {profiles: [other]}, db: {image: x}}", "'main'"),
        "no services": ("services: []", "services"),
        "no YAML": ("services: {main: {}}\n\tx", "no Compose file"),
        "duplicate key": ("services: {main: {}}\nservices: {main: {privileged: true}}", "services"),
        "tag of Compose": ("services: {main: {privileged: !override true}}", "!override"),
        "aliases without end": ("services: {main: &m {x: *m}}", "values"),
        "very many aliases": (
            "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]\n"
            "c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]\n"
            "d: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c]\n"
            "e: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d, *d]\nservices: {main: {x: *e}}",
            "values",
        ),
    }.items()
}
"""Text of each file, and a part of its refusal."""

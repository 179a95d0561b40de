package images

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"kulisse.dev/dev/cluster/internal/oci"
)

const path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// image describes one image made from Debian packages. Its files are those of the
// packages, then those below files/NAME, then what finish changes.
type image struct {
	name       string
	references []string
	packages   []string
	user       *user
	finish     func(root) error
	config     oci.Config
}

// user is the account that the image's program runs as.
type user struct {
	name, home string
	id         int
}

func catalogue() []image {
	return []image{
		{
			name:       "tools",
			references: []string{"docker.io/curlimages/curl:8.10.1", "docker.io/library/busybox:1.36"},
			packages: []string{"bash", "busybox-static", "ca-certificates", "coreutils", "curl", "dash", "findutils", "grep",
				"hostname", "iproute2", "libc-bin", "mawk", "netcat-openbsd", "procps", "sed", "wget"},
			finish: finishTools,
			config: oci.Config{Env: []string{path}, Cmd: []string{"sh"}},
		},
		{
			name:       "redis",
			references: []string{"docker.io/library/redis:7"},
			packages: []string{"bash", "coreutils", "dash", "debianutils", "findutils", "gosu", "grep", "perl-base",
				"redis-server"},
			user:   &user{"redis", "/data", 999},
			finish: finishRedis,
			config: oci.Config{
				Env:          []string{path},
				Entrypoint:   []string{"docker-entrypoint.sh"},
				Cmd:          []string{"redis-server"},
				WorkingDir:   "/data",
				ExposedPorts: map[string]struct{}{"6379/tcp": {}},
			},
		},
		{
			name:       "nginx",
			references: []string{"docker.io/library/nginx:1.27"},
			packages:   []string{"bash", "coreutils", "curl", "dash", "debianutils", "grep", "nginx-light", "sed"},
			user:       &user{"nginx", "/nonexistent", 101},
			finish:     finishNginx,
			config: oci.Config{
				Env:          []string{path},
				Cmd:          []string{"nginx", "-g", "daemon off;"},
				StopSignal:   "SIGQUIT",
				ExposedPorts: map[string]struct{}{"80/tcp": {}},
			},
		},
		{
			name:       "postgres",
			references: []string{"docker.io/library/postgres:16"},
			packages: []string{"bash", "coreutils", "dash", "debianutils", "findutils", "gosu", "grep", "gzip", "libc-bin",
				"perl-base", "postgresql", "sed"},
			user:   &user{"postgres", "/var/lib/postgresql", 999},
			finish: finishPostgres,
			config: oci.Config{
				Env:          []string{path, "LANG=C.UTF-8", "PGDATA=/var/lib/postgresql/data"},
				Entrypoint:   []string{"docker-entrypoint.sh"},
				Cmd:          []string{"postgres"},
				StopSignal:   "SIGINT",
				ExposedPorts: map[string]struct{}{"5432/tcp": {}},
			},
		},
		{
			name:       "mariadb",
			references: []string{"docker.io/library/mariadb:10.11"},
			packages: []string{"bash", "coreutils", "dash", "debianutils", "findutils", "gosu", "grep", "gzip", "libc-bin",
				"mariadb-client-core", "mariadb-server-core", "perl-base", "sed"},
			user:   &user{"mysql", "/var/lib/mysql", 999},
			finish: finishMariaDB,
			config: oci.Config{
				Env:          []string{path, "LANG=C.UTF-8"},
				Entrypoint:   []string{"docker-entrypoint.sh"},
				Cmd:          []string{"mariadbd"},
				ExposedPorts: map[string]struct{}{"3306/tcp": {}},
			},
		},
	}
}

// finishTools lets busybox stand in where Debian has no program of its own.
func finishTools(r root) error {
	applets, err := exec.Command(r.join("bin/busybox"), "--list").Output()
	if err != nil {
		return fmt.Errorf("busybox --list: %w", err)
	}
	for _, applet := range strings.Fields(string(applets)) {
		if !r.hasProgram(applet) {
			if err := r.link("/bin/busybox", "bin/"+applet); err != nil {
				return err
			}
		}
	}
	return nil
}

func finishRedis(r root) error {
	if err := os.RemoveAll(r.join("etc/redis")); err != nil {
		return err
	}
	return r.directory("data", 0o755, 999)
}

// finishNginx lays Debian's nginx out as the public image is.
func finishNginx(r root) error {
	for _, path := range []string{"etc/nginx/sites-enabled", "etc/nginx/sites-available", "etc/nginx/modules-enabled"} {
		if err := os.RemoveAll(r.join(path)); err != nil {
			return err
		}
	}
	for _, dir := range []string{"var/cache/nginx", "var/log/nginx", "var/lib/nginx"} {
		if err := r.directory(dir, 0o755, 101); err != nil {
			return err
		}
	}
	if err := r.link("/dev/stdout", "var/log/nginx/access.log"); err != nil {
		return err
	}
	return r.link("/dev/stderr", "var/log/nginx/error.log")
}

// finishPostgres puts the programs on the path and makes the server listen as the
// public image's does.
func finishPostgres(r root) error {
	versions, err := filepath.Glob(r.join("usr/lib/postgresql/[0-9]*"))
	if err != nil || len(versions) != 1 {
		return fmt.Errorf("one version of PostgreSQL expected, found %v", versions)
	}
	version := filepath.Base(versions[0])
	programs, err := os.ReadDir(filepath.Join(versions[0], "bin"))
	if err != nil {
		return err
	}
	for _, program := range programs {
		// In place of Debian's, which choose between installed versions with Perl.
		target := "../lib/postgresql/" + version + "/bin/" + program.Name()
		if err := r.link(target, "usr/bin/"+program.Name()); err != nil {
			return err
		}
	}
	// Without LLVM, which is larger than all the rest, there is no compiling of queries.
	for _, pattern := range []string{"lib/bitcode", "lib/llvmjit*"} {
		if err := r.remove("usr/lib/postgresql/" + version + "/" + pattern); err != nil {
			return err
		}
	}
	sample := r.join("usr/share/postgresql", version, "postgresql.conf.sample")
	text, err := os.ReadFile(sample)
	if err != nil {
		return err
	}
	listen := bytes.Replace(text, []byte("#listen_addresses = 'localhost'"), []byte("listen_addresses = '*'"), 1)
	if bytes.Equal(text, listen) {
		return fmt.Errorf("%s has no listen_addresses to set", sample)
	}
	if err := os.WriteFile(sample, listen, 0o644); err != nil {
		return err
	}
	if err := r.directory("docker-entrypoint-initdb.d", 0o755, 0); err != nil {
		return err
	}
	if err := r.directory("var/lib/postgresql", 0o755, 999); err != nil {
		return err
	}
	// As in the public image, any user may use these two.
	if err := r.directory("var/lib/postgresql/data", 0o1777, 999); err != nil {
		return err
	}
	return r.directory("run/postgresql", 0o3777, 999)
}

// finishMariaDB makes the directories that Debian's package makes when it is installed. Without
// Debian's configuration the server listens on all addresses, as the public image's does.
func finishMariaDB(r root) error {
	if err := r.remove("etc/mysql/*"); err != nil {
		return err
	}
	if err := r.directory("docker-entrypoint-initdb.d", 0o755, 0); err != nil {
		return err
	}
	// As in the public image, any user may use these two.
	if err := r.directory("var/lib/mysql", 0o1777, 999); err != nil {
		return err
	}
	return r.directory("run/mysqld", 0o1777, 999)
}

package live

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"takeover/topology"
)

// webRole is the stand-in where Nginx is not installed.
const webRole = "web"

// standInName is what reports call it.
const standInName = "built-in stand-in (nginx is not installed)"

// serveWeb answers every request on port 80 with the text args[0].
func serveWeb(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("the web server takes the text to answer with, not %d arguments", len(args))
	}
	listener, err := net.Listen("tcp", ":80")
	if err != nil {
		return err
	}
	server := &http.Server{
		ReadHeaderTimeout: time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, args[0]+"\n") //nolint:errcheck // the asker went away
		}),
	}
	return server.Serve(listener)
}

// answerOf is what a host's web server answers with: its first address, or its
// name when it has none.
func answerOf(host topology.Host) string {
	for _, link := range host.Links {
		for _, prefix := range link.Addresses {
			return prefix.Addr().String()
		}
	}
	return host.Name
}

// nginxConfig is the topology's, or one that makes Nginx answer every request
// on port 80, in the families of the host's addresses, with the first of them.
// It writes into the host's directory and /run only, and stays root where it is
// root: in a user namespace there is nobody else to be.
func nginxConfig(v *service) string {
	if v.spec.Config != "" {
		return v.spec.Config
	}
	listen, only6 := "listen 80;", true
	for _, link := range v.on.Links {
		for _, prefix := range link.Addresses {
			if prefix.Addr().Is6() && !strings.Contains(listen, "[::]") {
				listen += " listen [::]:80;"
			}
			only6 = only6 && prefix.Addr().Is6()
		}
	}
	if only6 {
		listen = strings.TrimPrefix(listen, "listen 80; ")
	}
	return fmt.Sprintf(`# Answers every request with the node's own address.
daemon off;
user root;
worker_processes 1;
pid %[4]s;
error_log %[1]s/%[5]s-error.log warn;
events {}
http {
    keepalive_requests 1000000000;
    access_log %[1]s/%[5]s-access.log;
    client_body_temp_path /run/%[5]s-body;
    proxy_temp_path /run/%[5]s-proxy;
    fastcgi_temp_path /run/%[5]s-fastcgi;
    uwsgi_temp_path /run/%[5]s-uwsgi;
    scgi_temp_path /run/%[5]s-scgi;
    server {
        %[3]s
        default_type text/plain;
        location / { return 200 "%[2]s\n"; }
    }
}
`, v.files.directory, answerOf(v.on), listen, v.files.pid, v.name)
}

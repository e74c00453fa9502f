package live

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"
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
	server.SetKeepAlivesEnabled(false)
	return server.Serve(listener)
}

// nginxConfig makes Nginx answer every request on port 80, in the address's
// family, with the address. It writes into directory and /run only, and stays
// root where it is root: in a user namespace there is nobody else to be.
func nginxConfig(directory string, address netip.Addr) string {
	listen := "80"
	if address.Is6() {
		listen = "[::]:80"
	}
	return fmt.Sprintf(`# Answers every request with the node's own address.
daemon off;
user root;
worker_processes 1;
pid /run/nginx.pid;
error_log %[1]s/nginx-error.log warn;
events {}
http {
    access_log %[1]s/nginx-access.log;
    client_body_temp_path /run/nginx-body;
    proxy_temp_path /run/nginx-proxy;
    fastcgi_temp_path /run/nginx-fastcgi;
    uwsgi_temp_path /run/nginx-uwsgi;
    scgi_temp_path /run/nginx-scgi;
    server {
        listen %[3]s;
        default_type text/plain;
        location / { return 200 "%[2]s\n"; }
    }
}
`, directory, address, listen)
}

// What the programs in Go have in common: their job, and their answer, as stdlib_client.py's.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

type job struct {
	Implicit              bool
	Host, Name            string
	Port                  int
	User, Password, Roots string
	TLS                   string
	Patience              float64
}

type said struct {
	Verdict string `json:"verdict"`
	Reason  string `json:"reason"`
	Words   string `json:"words"`
}

var versions = map[string]uint16{"TLSv1_2": tls.VersionTLS12, "TLSv1_3": tls.VersionTLS13}

var reasons = map[x509.InvalidReason]string{
	x509.Expired:                    "expired",
	x509.CANotAuthorizedForThisName: "constraint",
	x509.TooManyIntermediates:       "constraint",
	x509.IncompatibleUsage:          "usage",
}

// Refused STARTTLS: the server's answer was no go-ahead, and the client went no further.
var errStarttls = errors.New("starttls")

// Connected: to the server, by TLS where that comes at once, and how to start it where it does not.
func connected(j job) (net.Conn, *tls.Config, error) {
	patience := time.Duration(j.Patience * float64(time.Second))
	pem, err := os.ReadFile(j.Roots)
	if err != nil {
		return nil, nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	config := &tls.Config{RootCAs: roots, ServerName: j.Name}
	if version, pinned := versions[j.TLS]; pinned {
		config.MinVersion, config.MaxVersion = version, version
	}
	conn, err := net.DialTimeout("tcp", net.JoinHostPort(j.Host, fmt.Sprint(j.Port)), patience)
	if err != nil {
		return nil, nil, err
	}
	conn.SetDeadline(time.Now().Add(patience))
	if !j.Implicit {
		return conn, config, nil
	}
	secured := tls.Client(conn, config)
	return secured, config, secured.Handshake()
}

func verdict(err error) said {
	if err == nil {
		return said{"accept", "", ""}
	}
	answer := said{"reject", "", err.Error()}
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var alert *net.OpError
	switch {
	case errors.Is(err, errStarttls):
		answer.Reason = "starttls"
	// An issuer whose signature cannot be verified is none to Go, which says why in words.
	case strings.Contains(err.Error(), "insecure algorithm"):
		answer.Reason = "weak"
	case errors.As(err, &unknown):
		answer.Reason = "unknown-issuer"
	case errors.As(err, &name):
		answer.Reason = "name-mismatch"
	case errors.As(err, &invalid):
		answer.Reason = reasons[invalid.Reason]
		if invalid.Reason == x509.Expired && time.Now().Before(invalid.Cert.NotBefore) {
			answer.Reason = "not-yet-valid"
		}
	case errors.As(err, &alert) && (alert.Op == "remote error" || alert.Op == "local error"):
	case strings.Contains(err.Error(), "closeNotify"): // its own goodbye, after the work
		answer.Verdict = "error"
	case strings.HasPrefix(err.Error(), "tls: "), strings.HasPrefix(err.Error(), "x509: "):
	default:
		answer.Verdict = "error"
	}
	return answer
}

func main() {
	var j job
	if err := json.Unmarshal([]byte(os.Args[1]), &j); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	answer := verdict(work(j))
	line, _ := json.Marshal(answer)
	fmt.Println(string(line))
	os.Exit(map[string]int{"accept": 0, "reject": 1, "error": 3}[answer.Verdict])
}

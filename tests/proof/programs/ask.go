// Go's crypto/tls and crypto/x509 ask the targets of the standard input.
package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

var reasons = map[x509.InvalidReason]string{
	x509.NotAuthorizedToSign:           "NotAuthorizedToSign",
	x509.Expired:                       "Expired",
	x509.CANotAuthorizedForThisName:    "CANotAuthorizedForThisName",
	x509.TooManyIntermediates:          "TooManyIntermediates",
	x509.IncompatibleUsage:             "IncompatibleUsage",
	x509.NameMismatch:                  "NameMismatch",
	x509.NameConstraintsWithoutSANs:    "NameConstraintsWithoutSANs",
	x509.UnconstrainedName:             "UnconstrainedName",
	x509.TooManyConstraints:            "TooManyConstraints",
	x509.CANotAuthorizedForExtKeyUsage: "CANotAuthorizedForExtKeyUsage",
}

// A validity error of Go has one reason for both ends; only its text tells which.
func code(err error) string {
	var invalid x509.CertificateInvalidError
	var host x509.HostnameError
	var unknown x509.UnknownAuthorityError
	var critical x509.UnhandledCriticalExtension
	var violation x509.ConstraintViolationError
	var weak x509.InsecureAlgorithmError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &invalid):
		return "CertificateInvalidError." + reasons[invalid.Reason]
	case errors.As(err, &host):
		return "HostnameError"
	case errors.As(err, &unknown):
		return "UnknownAuthorityError"
	case errors.As(err, &critical):
		return "UnhandledCriticalExtension"
	case errors.As(err, &violation):
		return "ConstraintViolationError"
	case errors.As(err, &weak):
		return "InsecureAlgorithmError"
	case errors.As(err, &record):
		return "RecordHeaderError"
	}
	return ""
}

func ask(parts []string) (verdict, says, text string) {
	pem, err := os.ReadFile(parts[4])
	if err != nil {
		return "error", "", err.Error()
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	config := &tls.Config{ServerName: parts[3], RootCAs: pool}
	if at, err := strconv.ParseInt(parts[5], 10, 64); err == nil {
		config.Time = func() time.Time { return time.Unix(at, 0) }
	}
	seconds, _ := strconv.ParseFloat(parts[6], 64)
	limit := time.Duration(seconds * float64(time.Second))
	plain, err := net.DialTimeout("tcp", net.JoinHostPort(parts[1], parts[2]), limit)
	if err != nil {
		return "error", "", err.Error()
	}
	defer plain.Close()
	plain.SetDeadline(time.Now().Add(limit))
	client := tls.Client(plain, config)
	heard := []byte{}
	err = client.Handshake()
	if err == nil {
		_, err = client.Write([]byte("a LOGOUT\r\n"))
	}
	if err == nil {
		heard, err = io.ReadAll(client)
	}
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		return "silent", "", ""
	case err != nil:
		return "reject", code(err), err.Error()
	case bytes.Contains(heard, []byte("a OK")):
		return "accept", "", ""
	}
	return "reject", "", ""
}

func main() {
	var wait sync.WaitGroup
	var tell sync.Mutex
	lines := make(chan string)
	for i := 0; i < 4; i++ {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for line := range lines {
				parts := strings.Split(line, "\t")
				verdict, says, text := ask(parts)
				text = strings.Join(strings.Fields(text), " ")
				tell.Lock()
				fmt.Printf("%s\t%s\t%s\t%s\n", parts[0], verdict, says, text)
				tell.Unlock()
			}
		}()
	}
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		lines <- input.Text()
	}
	close(lines)
	wait.Wait()
}

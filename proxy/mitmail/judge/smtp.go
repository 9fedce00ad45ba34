// Go's net/smtp: it sends one mail.
package main

import (
	"errors"
	"fmt"
	"net/smtp"
	"net/textproto"
)

func work(j job) error {
	conn, config, err := connected(j)
	if err != nil {
		return err
	}
	client, err := smtp.NewClient(conn, j.Name)
	if err != nil {
		return err
	}
	if err = client.Hello("localhost"); err != nil {
		return err
	}
	if !j.Implicit {
		if err = client.StartTLS(config); err != nil {
			var answer *textproto.Error
			_, began := client.TLSConnectionState()
			if errors.As(err, &answer) && !began {
				return fmt.Errorf("%w: %v", errStarttls, err)
			}
			return err
		}
	}
	if err = client.Auth(smtp.PlainAuth("", j.User, j.Password, j.Name)); err != nil {
		return err
	}
	if err = client.Mail(j.User); err != nil {
		return err
	}
	if err = client.Rcpt(j.User); err != nil {
		return err
	}
	body, err := client.Data()
	if err != nil {
		return err
	}
	fmt.Fprintf(body, "From: %s\r\nTo: %s\r\nSubject: mitmail\r\n\r\nsent by Go\r\n", j.User, j.User)
	if err = body.Close(); err != nil {
		return err
	}
	return client.Quit()
}

// emersion's go-imap: it fetches one mail.
package main

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"sync"
	"time"

	"github.com/emersion/go-imap"
	"github.com/emersion/go-imap/client"
)

var refused = regexp.MustCompile(`(?m)^[^\s*]+ (NO|BAD)\b`)

// A connection whose answers in clear are kept: the library gives no type to a refusal.
type listening struct {
	net.Conn
	lock sync.Mutex
	said []byte
}

func (c *listening) Read(into []byte) (int, error) {
	count, err := c.Conn.Read(into)
	c.lock.Lock()
	defer c.lock.Unlock()
	if len(c.said) < 65536 {
		c.said = append(c.said, into[:count]...)
	}
	return count, err
}

func (c *listening) refusal() bool {
	c.lock.Lock()
	defer c.lock.Unlock()
	return refused.Match(c.said)
}

func work(j job) error {
	conn, config, err := connected(j)
	if err != nil {
		return err
	}
	heard := &listening{Conn: conn}
	if !j.Implicit {
		conn = heard
	}
	mail, err := client.New(conn)
	if err != nil {
		return err
	}
	mail.Timeout = time.Duration(j.Patience * float64(time.Second))
	if !j.Implicit {
		if err = mail.StartTLS(config); err != nil {
			if heard.refusal() {
				return fmt.Errorf("%w: %v", errStarttls, err)
			}
			return err
		}
	}
	if err = mail.Login(j.User, j.Password); err != nil {
		return err
	}
	if _, err = mail.Select("INBOX", true); err != nil {
		return err
	}
	first := new(imap.SeqSet)
	first.AddNum(1)
	messages := make(chan *imap.Message, 10)
	done := make(chan error, 1)
	go func() { done <- mail.Fetch(first, []imap.FetchItem{imap.FetchRFC822Header}, messages) }()
	found := 0
	for range messages {
		found++
	}
	if err = <-done; err != nil {
		return err
	}
	if found == 0 {
		return errors.New("FETCH brought nothing")
	}
	return mail.Logout()
}

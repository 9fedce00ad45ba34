// go-imap, as a program: read PORT USER PASSWORD. It reads, changes, waits for mail.
package main

import (
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"mime/quotedprintable"
	"os"
	"strings"
	"time"

	"github.com/emersion/go-imap"
	"github.com/emersion/go-imap/client"
)

type part struct {
	path []int
	kind string
	code string
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func leaves(structure *imap.BodyStructure, path []int) []part {
	if structure.BodyStructure != nil {
		return inside(structure.BodyStructure, path)
	}
	if structure.MIMEType != "multipart" {
		kind := strings.ToLower(structure.MIMEType + "/" + structure.MIMESubType)
		return []part{{path, kind, strings.ToLower(structure.Encoding)}}
	}
	var found []part
	for at, child := range structure.Parts {
		found = append(found, leaves(child, append(append([]int{}, path...), at+1))...)
	}
	return found
}

func inside(message *imap.BodyStructure, path []int) []part {
	if message.MIMEType != "multipart" {
		path = append(append([]int{}, path...), 1)
	}
	return leaves(message, path)
}

func decoded(octets io.Reader, code string) io.Reader {
	switch code {
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, octets)
	case "quoted-printable":
		return quotedprintable.NewReader(octets)
	}
	return octets
}

func fetch(c *client.Client, number uint32, item imap.FetchItem) *imap.Message {
	set := new(imap.SeqSet)
	set.AddNum(number)
	messages := make(chan *imap.Message, 10)
	must(c.Fetch(set, []imap.FetchItem{item, imap.FetchEnvelope}, messages))
	return <-messages
}

func read(c *client.Client, number uint32) {
	message := fetch(c, number, imap.FetchBodyStructure)
	fmt.Printf("message\t%d\t%s\n", number, message.Envelope.Subject)
	for _, leaf := range inside(message.BodyStructure, nil) {
		section := &imap.BodySectionName{BodyPartName: imap.BodyPartName{Path: leaf.path}, Peek: true}
		octets := fetch(c, number, section.FetchItem()).GetBody(section)
		digest := sha1.New()
		_, err := io.Copy(digest, decoded(octets, leaf.code))
		must(err)
		fmt.Printf("leaf\t%d\t%s\t%x\n", number, leaf.kind, digest.Sum(nil))
	}
}

func change(c *client.Client) {
	criteria := imap.NewSearchCriteria()
	criteria.Header.Add("Subject", "invoice")
	found, err := c.Search(criteria)
	must(err)
	for _, number := range found {
		fmt.Printf("found\t%d\n", number)
	}
	first, second := new(imap.SeqSet), new(imap.SeqSet)
	first.AddNum(1)
	second.AddNum(2)
	flags := []interface{}{imap.FlaggedFlag, "$Label"}
	must(c.Store(first, imap.FormatFlagsOp(imap.AddFlags, true), flags, nil))
	must(c.Copy(second, "Trash"))
	mail := strings.NewReader("Subject: appended\r\n\r\n.dot\r\nend\r\n")
	must(c.Append("Sent", nil, time.Time{}, mail))
	must(c.Create("Made"))
}

func wait(c *client.Client) {
	updates, stop := make(chan client.Update, 10), make(chan struct{})
	c.Updates = updates
	done := make(chan error, 1)
	go func() { done <- c.Idle(stop, nil) }()
	fmt.Println("waiting")
	for update := range updates {
		if grown, ok := update.(*client.MailboxUpdate); ok {
			fmt.Printf("new\t%d\n", grown.Mailbox.Messages)
			break
		}
	}
	close(stop)
	must(<-done)
}

func main() {
	c, err := client.Dial("127.0.0.1:" + os.Args[1])
	must(err)
	must(c.Login(os.Args[2], os.Args[3]))
	folders := make(chan *imap.MailboxInfo, 10)
	must(c.List("", "*", folders))
	for folder := range folders {
		fmt.Printf("folder\t%s\t%s\n", folder.Name, strings.Join(folder.Attributes, " "))
	}
	inbox, err := c.Select("INBOX", false)
	must(err)
	for number := uint32(1); number <= inbox.Messages; number++ {
		read(c, number)
	}
	change(c)
	wait(c)
	must(c.Logout())
}

# Perl's Net::SMTP sends one mail; it is told its job by MITMAIL_HOST and so on. What goes wrong is
# said on standard error.
use strict;
use warnings;
use Net::SMTP;

my %job = map { lc($_) => $ENV{"MITMAIL_$_"} } qw(PORT NAME USER PASSWORD ROOT TLS PIN PATIENCE);
my @tls = (SSL_ca_file => $job{root}, $job{pin} ? (SSL_version => $job{pin}) : ());
my $implicit = $job{tls} eq 'implicit';

my $smtp = Net::SMTP->new(
    Host => $job{name}, Port => $job{port}, Hello => 'localhost', Timeout => $job{patience},
    SSL => $implicit, @tls,
) or die "connect: $@\n";
if ($job{tls} eq 'starttls') {
    defined $smtp->supports('STARTTLS') or die "starttls: not offered\n";
    $@ = '';
    # Without an error of TLS it was the server's answer that stopped it.
    $smtp->starttls(@tls) or die $@ ? "starttls: $@\n" : 'starttls: answer ' . $smtp->code . "\n";
}
sub must { my ($done, $what) = @_; $done or die "$what: " . $smtp->code . ' ' . $smtp->message }
must($smtp->auth($job{user}, $job{password}), 'auth');
must($smtp->mail($job{user}), 'mail');
must($smtp->to($job{user}), 'rcpt');
my $mail = "From: $job{user}\nTo: $job{user}\nSubject: mitmail\n\nsent by Perl\n";
must($smtp->data($mail), 'data');
$smtp->quit;

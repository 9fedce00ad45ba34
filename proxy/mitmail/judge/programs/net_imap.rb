# Ruby's net-imap fetches one mail; it is told its job by MITMAIL_HOST and so on. What goes wrong is
# said on standard error.
require "net/imap"

job = %w[PORT NAME USER PASSWORD ROOT TLS PIN PATIENCE].to_h { |x| [x, ENV.fetch("MITMAIL_#{x}")] }
tls = { ca_file: job["ROOT"] }
tls.merge!(min_version: job["PIN"].sub("TLSv", "TLS").to_sym, max_version: job["PIN"].sub("TLSv", "TLS").to_sym) unless job["PIN"].empty?
step = "connect"
# What TLS says in the library's own thread is lost otherwise: the caller only finds a dead socket.
first = nil
TracePoint.new(:raise) { |it| first ||= it.raised_exception if it.raised_exception.is_a?(OpenSSL::SSL::SSLError) }.enable
begin
  imap = Net::IMAP.new(job["NAME"], port: job["PORT"].to_i, open_timeout: job["PATIENCE"].to_i,
                       ssl: job["TLS"] == "implicit" ? tls : false)
  step = "starttls"
  imap.starttls(**tls) if job["TLS"] == "starttls"
  step = "mail"
  imap.login(job["USER"], job["PASSWORD"])
  imap.examine("INBOX")
  abort "mail: FETCH brought nothing" if imap.fetch(1, "BODY.PEEK[HEADER]").to_a.empty?
  imap.logout
rescue StandardError => error
  error = first || error
  abort "#{step}: #{error.class}: #{error.message}"
end

# A peer made with Perl's Protocol::OSC.
#
#   protocol-osc-peer.pl listen       prints `port N`, then a line for each message and for each bundle's beginning and end
#   protocol-osc-peer.pl send PORT    sends the packets that the lines of standard input describe
#   … tcp                             as the last word: over TCP, each packet with its size before it
#
# The lines are those of line-text.ts.
use strict;
use warnings;
use IO::Socket::INET;
use Protocol::OSC;

$| = 1;
my $osc = Protocol::OSC->new;
my $tcp = $ARGV[-1] eq 'tcp';

sub encoded { my ($text) = @_; $text =~ s/(.)/sprintf '%%%02X', ord $1/gse; qq{"$text"} }
sub decoded { my ($token) = @_; $token =~ s/^"|"$//g; $token =~ s/%(..)/chr hex $1/ge; $token }

sub token_of {
  my ($type, $value) = @_;
  return $value if $type eq 'i' || $type eq 'h';
  return sprintf '%.9g', $value if $type eq 'f';
  return encoded($value) if $type eq 's';
  return '<' . unpack('H*', $value) . '>' if $type eq 'b';
  return '?';
}

sub show {
  my ($packet) = @_;
  if ($packet->isa('Protocol::OSC::Bundle')) {
    # The module turns the time tag into seconds since 1970; here it is turned back.
    printf "#bundle %s\n", unpack 'H16', pack 'N2', $osc->time2tag($packet->time);
    show($_) for $packet->packets;
    print "#end\n";
    return;
  }
  my @values = $packet->args;
  my @tokens;
  for my $type (split //, $packet->type) {
    next if $type !~ /[ifsbht]/;
    push @tokens, $type eq 't' ? sprintf '%08x%08x', shift @values, shift @values : token_of($type, shift @values);
  }
  # 32 bits of i come without their sign.
  my @ints = grep /[ifsbht]/, split //, $packet->type;
  for my $n (0 .. $#ints) { $tokens[$n] = unpack 'l', pack 'L', $tokens[$n] if $ints[$n] eq 'i' }
  print join(' ', $packet->path, ',' . $packet->type, @tokens), "\n";
}

sub value_of {
  my ($type, $token) = @_;
  return map hex, unpack '(a8)2', $token if $type eq 't';
  return decoded($token) if $type eq 's';
  return pack 'H*', substr $token, 1, -1 if $type eq 'b';
  return $token;
}

sub message_of {
  my ($address, $types, @tokens) = split / /, shift;
  $types = substr $types, 1;
  return ($address, $types, map value_of($_, shift @tokens), grep /[ifsbht]/, split //, $types);
}

sub bundle_of {
  my ($line) = @_;
  my @halves = map hex, unpack '(a8)2', (split / /, $line)[1];
  my @content = ($osc->tag2time(@halves));
  while (defined($line = <STDIN>) && $line !~ /^#end/) {
    chomp $line;
    push @content, $line =~ /^#bundle/ ? [bundle_of($line)] : [message_of($line)];
  }
  return @content;
}

if ($ARGV[0] eq 'send') {
  my $to = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $ARGV[1], Proto => $tcp ? 'tcp' : 'udp') or die $@;
  while (defined(my $line = <STDIN>)) {
    chomp $line;
    my $packet = $line =~ /^#bundle/ ? $osc->bundle(bundle_of($line)) : $osc->message(message_of($line));
    $to->syswrite($tcp ? $osc->to_stream($packet) : $packet);
  }
} elsif ($tcp) {
  my $server = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Proto => 'tcp', Listen => 1) or die $@;
  print 'port ', $server->sockport, "\n";
  my $peer = $server->accept;
  my $buffer = '';
  while ($peer->sysread($buffer, 65536, length $buffer)) {
    while ((my ($packet, $rest) = $osc->from_stream($buffer)) == 2) {
      $buffer = $rest;
      show($osc->parse($packet));
    }
  }
} else {
  my $server = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Proto => 'udp') or die $@;
  print 'port ', $server->sockport, "\n";
  while (defined $server->recv(my $data, 65536)) { show($osc->parse($data)) }
}

import type { Rule } from "../../../domain/failures/Classified.ts"
import { type Ended, seen } from "../command/Ended.ts"
import type { Facts, TextRule } from "../command/TextRule.ts"
import type { Tag } from "./Conditions.ts"
import { brokenHandshake } from "./Http.ts"
import { inTransfer, isFetch } from "./Operations.ts"

/** Only the first question to the remote failed, with nothing sent yet. */
const atFirstQuestion = (facts: Facts) =>
  /unable to access 'https?:/.test(facts.text) && !/\bcurl \d|\bRPC\b/.test(facts.text)
    ? "refused"
    : inTransfer(facts)

const minutesMax = 24 * 60

/** A wait that git names: its own wording, and the limit that it would not wait for. */
export const asksToWait: Rule<Ended, Tag> = {
  id: "remote.asks-to-wait",
  when: (input) => {
    const { text } = seen(input)
    const wait =
      /rate limited by '.*', please try again(?: in (\d+) seconds| later)/.exec(text) ??
      /requested a delay greater than http\.maxRetryTime \((\d+) >/.exec(text)
    if (wait === null) return undefined
    const seconds = Number(wait[1] ?? 0)
    return {
      tag: "RateLimited",
      reach: "refused",
      retryAfterMs: seconds > 0 && seconds <= minutesMax * 60 ? seconds * 1000 : undefined
    }
  }
}

/** What hosts say in words, beside or without an HTTP status. */
export const hostWords: ReadonlyArray<TextRule<Tag>> = [
  {
    id: "host.archived",
    says: /archived so (?:it )?is read-only|repository (?:was|has been|is) archived/im,
    is: "RepositoryArchived"
  },
  {
    id: "host.quota",
    says: /over its data quota|exceeded (?:its|your|the) (?:\w+ )?(?:LFS|storage|data|bandwidth|repository size)|(?:repository|workspace|account) .{0,80}(?:over|exceed\w*) .{0,80}(?:size|storage|quota)|purchase more/im,
    is: "QuotaExhausted"
  },
  {
    id: "host.taken-down",
    says: /DMCA takedown|access blocked|has been disabled by|violation of .*terms/im,
    is: "ServiceRefused"
  },
  {
    id: "host.hidden",
    says: /^(?:fatal: )?(?:remote error: |ERROR: |GitLab: )?repository '?\S*:\/\/.*'? not found|ERROR: Repository not found|^(?:fatal: )?(?:remote error: )?Repository not found|project you were looking for could not be found|\bTF(?:401019|200016)\b|conq: repository|(?:repository|access denied or repository) not exported|(?:repository|project) .*(?:does not exist|not found) .*(?:permission|access)|repository does not exist|repositoryDoesNotExist/im,
    is: "RepositoryHidden"
  },
  {
    id: "host.denied",
    says: /SAML SSO|account is currently not available|Interactive git shell is not enabled|service not enabled: |SAML enforcement|IP allow list|account (?:is|has been) (?:suspended|blocked|disabled|locked)|has disabled access|temporarily blocked your account|Permission to \S+ denied|Write access to repository not granted|marked as read[- ]only|key you are authenticating with|\bTF401027\b|You are not allowed to (?:push|download|upload)|does not have (?:write|push|pull) (?:access|permission)|insufficient permission|not authorized to/im,
    is: "PermissionDenied"
  }
]

/** Who we are, and who they are. */
export const identity: ReadonlyArray<TextRule<Tag>> = [
  {
    id: "auth.failed",
    says: /Authentication failed for|^ERROR: .*\bkey .*no longer (?:allowed|supported|accepted)|could not read (?:Username|Password) for|terminal prompts disabled|Permission denied \([a-z0-9,@.-]+\)|Too many authentication failures|No supported authentication methods|Invalid (?:username|credentials)|HTTP Basic: Access denied|Bad credentials|password authentication (?:was removed|is not supported)|credential helper .* told us to quit|Bad owner or permissions on|Bad configuration option|UNPROTECTED PRIVATE KEY|unable to get password from user/im,
    is: "AuthenticationFailed"
  }
]

/** The address, and what stands there. */
export const addresses: ReadonlyArray<TextRule<Tag>> = [
  {
    id: "address.wrong",
    says: /does not appear to be a git repository|^fatal: repository '(?!\w+:\/\/).*' does not exist|git-(?:upload|receive)-[\w-]+: .*(?:not found|No such file)|no such remote|No such remote|no remote repository specified|strange (?:hostname|pathname|port) '.*' blocked|no path specified|transport '.*' not allowed|protocol '.*' is not supported|is not a valid remote name|Invalid proxy URL|unknown port|bad\/illegal format|Malformed input|not supported or disabled in libcurl|credential url cannot be parsed|Port number ended/im,
    is: "RemoteAddressWrong"
  },
  {
    id: "address.no-git-there",
    says: /not valid: (?:is this a git repository|could not determine)|unable to update url base from redirection|Maximum \(\d+\) redirects|invalid server response|malformed response in ref list|dumb http transport does not support|unexpectedly said:/im,
    is: "NotAGitServer"
  },
  {
    id: "address.garbage",
    says: /protocol error:|bad line length character|impossibly long line|invalid packet|unknown response to connect/im,
    is: "NotAGitServer",
    reach: inTransfer
  },
  {
    id: "address.no-default-branch",
    // A web page in place of a repository has no branches at all; then the one that always exists is missing too.
    on: (operation) => isFetch(operation) || operation === "pull",
    says: /couldn't find remote ref (?:refs\/heads\/)?(?:HEAD|main|master|trunk|develop)$/m,
    is: "NotAGitServer"
  }
]

const settled = { category: "configuration", retryable: false } as const
const proxySetting =
  /Could not resolve proxy|Unsupported proxy|(?:tunnel failed, response|HTTP code) (?:4\d\d|501|505)|proxy authentication/im
const hostKey = /host key|HOST IDENTIFICATION|no matching/i
const tooSlow = /timed out|timeout|after \d{4,} ms|too slow|not responding/i

/** The way there. Nothing was sent until the connection stood. */
export const connecting: ReadonlyArray<TextRule<Tag>> = [
  {
    id: "proxy.failed",
    says: /(?:Could not resolve|Unsupported) proxy|tunnel failed|from proxy after CONNECT|Proxy CONNECT aborted|proxy authentication|SOCKS\d? (?:connection|connect|request|proxy)/im,
    is: "ProxyFailure",
    but: ({ text }) => (proxySetting.test(text) ? settled : undefined)
  },
  {
    id: "peer.untrusted",
    says: /Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED|no matching (?:host key|key exchange|cipher)|certificate (?:problem|verif|subject|has|is|chain|revo)|unable to (?:get|verify|set|load|check) .*(?:issuer|certificate|revocation)|self[- ]signed|CERT_TRUST|CRYPT_E_|SEC_E_(?:UNTRUSTED|CERT|WRONG|ILLEGAL|ALGORITHM)|wrong version number|unsupported protocol|handshake failure|protocol version|no alternative certificate|Problem with the SSL CA cert|error setting certificate|fatal alert|set SSL backend|pinnedPubkey|public key does not match/im,
    is: ({ text }) => (hostKey.test(text) ? "HostKeyChanged" : "TlsFailure")
  },
  {
    id: "net.dns",
    says: /Could not resolve host|unable to look up |Name or service not known|name resolution|nodename nor servname|No address associated|Resolving timed out/im,
    is: "NetworkDns"
  },
  {
    id: "net.closed-at-greeting",
    says: /(?:kex|ssh)_exchange_identification|(?:exec|shell|subsystem) request failed on channel|banner exchange|hung up upon initial contact|gnutls_handshake\(\) failed|SSL_connect: SSL_ERROR_SYSCALL|Unknown SSL protocol error|TLS connect error|SSL_ERROR_ZERO_RETURN|failed to receive handshake/im,
    is: ({ text }) =>
      /handshake\(\) failed/.test(text) && !brokenHandshake.test(text) ? "TlsFailure" : "NetworkReset"
  },
  {
    id: "net.connect",
    says: /ssh: connect to host|Failed to connect to|Couldn't connect to server|errno=|Connection refused|Network is unreachable|No route to host|unable to connect to|Connection timed out after|Connection timeout|SSL connection timeout/im,
    is: ({ text }) => (tooSlow.test(text) ? "NetworkTimeout" : "NetworkUnreachable")
  }
]

/** On the way: whether a push arrived is then not known. */
export const onTheWay: ReadonlyArray<TextRule<Tag>> = [
  {
    id: "net.rate",
    says: /Too many requests|rate limit(?:ed)? exceeded|exceeded .*rate limit|abuse detection|ENHANCE_YOUR_CALM/im,
    is: "RateLimited",
    reach: atFirstQuestion
  },
  {
    id: "net.server-error",
    says: /^(?:.*: )?Internal (?:Server|API) Error|Internal API unreachable|Gateway Time-?out|Bad Gateway|Service (?:Temporarily )?Unavailable|(?:under|down for|for) (?:\w+ )?maintenance|temporarily unavailable|currently unavailable/im,
    is: "RemoteServerError",
    reach: atFirstQuestion
  },
  {
    id: "net.cut",
    says: /Operation (?:too slow|timed out)|Timeout was reached|not responding|Connection timed out|timed out after|Empty reply from server|(?:Recv|Send) failure|hung up unexpectedly|unexpected disconnect|early EOF|Broken pipe|[Cc]onnection (?:was |to .* )?(?:reset|closed|aborted|terminated)|SSL_ERROR_SYSCALL|SSL_read|GnuTLS recv error|HTTP\/?[23] (?:stream|framing)|HTTP2 framing|body are still expected|expected flush after|invalid index-pack output|index-pack failed|unexpected eof|pack-objects died|client_loop|Received disconnect|Disconnected from|packet_write_wait|ssh_dispatch_run_fatal|^fatal: (?:read|write) error|unable to write (?:request )?to remote|send_pack: send error|transfer closed|remote (?:server )?sent unexpected/im,
    is: ({ text }) => (tooSlow.test(text) ? "NetworkTimeout" : "NetworkReset"),
    reach: atFirstQuestion
  }
]

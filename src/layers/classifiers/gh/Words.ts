import type { TextRule } from "../command/TextRule.ts"
import type { Tag } from "./Conditions.ts"

/** GitHub's and GraphQL's words, the narrow ones before the statuses they come with. */
export const words: ReadonlyArray<TextRule<Tag>> = [
  {
    id: "github.rate",
    says: /rate limit|submitted too quickly|abuse detection|Too Many Requests|\bHTTP 429\b/im,
    unless: /(?:GraphQL|HTTP 422): .{0,60}\bis (?:invalid|too (?:long|short))/m,
    is: "RateLimited"
  },
  {
    id: "github.archived",
    says: /archived so (?:it )?is read-only|repository (?:was|has been|is) archived/im,
    is: "RepositoryArchived"
  },
  {
    id: "github.no-host",
    says: /no git remotes|none of the git remotes|could not find any host|set the GH_HOST|does not correspond to any git remotes|no (?:matching|resolved) remote/im,
    is: "SettingWrong"
  },
  {
    id: "github.access",
    says: /SAML|required scopes|needs the .* scope|Resource not accessible|correct permissions|Must have (?:admin|push|write)|not authorized|IP allow list|FORBIDDEN|does not have permission/m,
    is: "PermissionDenied"
  },
  {
    id: "github.head",
    unless: /(?:GraphQL|HTTP 422): .{0,60}\bis (?:invalid|too (?:long|short))/m,
    says: /No commits between|could not find any commits between|sha can't be blank|(?:Head|Base) ref must be a branch/im,
    // A pushed branch that GitHub does not see yet has no commit of its own, for a few seconds.
    is: ({ text }) =>
      /Head sha can't be blank/i.test(text)
        ? "HeadNotSeenYet"
        : /must be a branch/i.test(text)
          ? "RequestInvalid"
          : "NoCommits"
  },
  {
    id: "github.moved",
    says: /(?:Base|Head) branch was modified/m,
    is: ({ text }) => (/Head branch was modified/.test(text) ? "HeadMoved" : "BaseMoved")
  },
  {
    id: "github.rule",
    says: /is not mergeable|still a draft|merge conflict|approving review|rule violations|[Pp]rotected branch|status checks? .*(?:expected|required|failing)|review(?:s)? (?:is|are) required|in (?:clean|unstable|dirty|blocked|behind) status|[Aa]uto[- ]merge is not allowed|not allowed on this repository|Draft pull requests are not supported|Changes must be made through|is not up to date/m,
    is: "RuleRefused"
  },
  {
    id: "github.invalid",
    says: /^(?:.*: )?(?:GraphQL: |HTTP 422: ).*(?:is too (?:long|short)|can(?:'t|not) be blank|is invalid|is not a valid|must be (?:less|at most|one of))/m,
    is: "RequestInvalid"
  },
  {
    id: "github.hidden",
    says: /Could not resolve to (?:a|an) (?:Repository|Organization|User)\b|\bHTTP 404\b|^gh: Not Found/m,
    is: "RepositoryHidden"
  },
  {
    id: "github.gone",
    says: /no (?:open )?pull requests found|Could not resolve to|release not found|could not find any (?:workflow|run|release)|no (?:runs|workflows|issues|releases) found|found no (?:runs|in progress)|\bHTTP (?:410|451)\b|(?:issues|wiki) (?:are|is) disabled|has disabled issues|is already (?:closed|open)/im,
    is: "Gone"
  },
  {
    id: "github.broke",
    says: /Something went wrong while executing|could(?:n't| not) respond to your request in time|may be the result of a timeout|Merge already in progress|timedout|\bHTTP 5\d\d\b/im,
    is: ({ text }) =>
      /HTTP 50[48]|time[- ]?(?:d )?out|in time/i.test(text) ? "NetworkTimeout" : "RemoteServerError",
    reach: "unknown"
  }
]

/** Calls that were wrong before anything was sent. */
export const calls: ReadonlyArray<TextRule<Tag>> = [
  {
    id: "auth.missing",
    says: /\bHTTP 401\b|Bad credentials|set the GH_TOKEN|run:? {1,2}gh auth login|Try authenticating with|authentication token not found|token .* is (?:invalid|no longer valid)/im,
    is: "AuthenticationFailed"
  },
  {
    id: "call.wrong",
    says: /^unknown (?:flag|shorthand flag|command)|^Usage: {1,2}gh |^accepts (?:at most )?\d|required flag|flag needs an argument|^invalid argument|specify only one|not running interactively|^argument required|^Unknown JSON field|^invalid (?:API endpoint|key|issue format)|^cannot use `|Field '.*' doesn't exist on type|Variable \$\w+ |Parse error on/m,
    is: "InvalidRequest"
  },
  { id: "call.not-pushed", says: /must first push the current branch/m, is: "BranchNotPushed" },
  {
    id: "call.setting",
    says: /must be on a branch named differently|could not (?:add (?:label|to)|assign|request reviewer|determine the current branch)|^'.*' not found|not on any branch|error (?:adding|renaming) .*remote|default repository|unable to determine/m,
    is: "SettingWrong"
  }
]

/** What Go says of the network: whether anything was sent yet decides. */
export const network: ReadonlyArray<TextRule<Tag>> = [
  {
    id: "net.proxy",
    says: /Proxy Authentication Required|proxyconnect|\bHTTP 407\b/m,
    is: "ProxyFailure",
    but: ({ text }) =>
      /Authentication Required|407/.test(text) ? { category: "configuration", retryable: false } : undefined
  },
  {
    id: "net.untrusted",
    says: /x509:|certificate (?:signed|is|has|verif)|tls: (?:failed|handshake failure|unsupported|protocol)|remote error: tls/m,
    is: "TlsFailure"
  },
  {
    id: "net.before",
    says: /dial (?:tcp|udp)|no such host|error connecting to|TLS handshake timeout|network is unreachable|connection refused|no route to host/m,
    is: ({ text }) =>
      /no such host|error connecting|lookup/.test(text)
        ? "NetworkDns"
        : /timeout/.test(text)
          ? "NetworkTimeout"
          : "NetworkUnreachable"
  },
  {
    id: "net.during",
    says: /\bEOF\b|connection reset|Client\.Timeout|deadline exceeded|GOAWAY|broken pipe|closed network connection|stream error|http2: |i\/o timeout|request canceled|server closed idle connection|transport connection broken|connection (?:timed out|was reset|forcibly closed)/m,
    is: ({ text }) => (/[Tt]imeout|deadline/.test(text) ? "NetworkTimeout" : "NetworkReset"),
    reach: "unknown"
  },
  {
    id: "reply.unreadable",
    says: /end of JSON input|invalid character .* looking for|JSON parsing failure|cannot unmarshal|unknown GraphQL result key/m,
    is: "ResponseMalformed",
    reach: "unknown"
  }
]

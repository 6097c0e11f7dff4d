import { type Answer, hasCode, says } from "../http/Answer.ts"
import type { Tag } from "./Conditions.ts"

const anyOf = (...patterns: ReadonlyArray<RegExp>): RegExp =>
  new RegExp(patterns.map(({ source }) => source).join("|"), "i")

/** One meaning, in all the ways in which providers, compatible servers and gateways say it. */
export interface Meaning {
  readonly id: string
  readonly tag: Tag
  readonly statuses?: ReadonlyArray<number>
  /** Types and codes, in small letters. */
  readonly codes?: RegExp
  readonly words?: RegExp
  /** Why a model stopped, in an answer that came and is paid for. */
  readonly stops?: RegExp
  /** A fault on the way, behind which something may have been generated. */
  readonly isFault?: boolean
  /** Where the same code or words mean something else. */
  readonly unless?: (answer: Answer) => boolean
}

/** Google sends one sentence for the day's quota and the minute's; only the names of the quotas tell them apart. */
const isByTheMinute = (answer: Answer): boolean =>
  hasCode(answer, /perminute/) && !hasCode(answer, /perday/) && !says(answer, /\blimit: 0\b/)

const notThere: ReadonlyArray<number> = [300, 301, 302, 303, 304, 307, 308, 404, 405, 410]

/** A wrong address is answered in the same way as an unknown model, but then nobody speaks of models. */
const speaksOfModel = (answer: Answer): boolean =>
  hasCode(answer, /model|deployment/) ||
  says(answer, /\b(?:models?|deployments?|no endpoints? found|try pulling it)\b/i)

/** From what no wait and no repeat can mend to what passes by itself, so that a doubtful case is not repeated. */
export const meanings: ReadonlyArray<Meaning> = [
  {
    id: "quota.by-code",
    tag: "QuotaExhausted",
    statuses: [402],
    codes:
      /^(?:insufficient_(?:quota|credits|balance|funds)|billing_\w+|budget_exceeded|exceeded_?budget|enforced_spend_limit_reached|quota_exceeded|payment_required|credits?_exhausted|402|exceeded_(?:current_)?quota(?:_error)?|insufficient_user_quota|arrearage|servicequotaexceededexception)$/,
    unless: isByTheMinute
  },
  {
    id: "quota.by-words",
    tag: "QuotaExhausted",
    words: anyOf(
      /credit balance|\bAPI usage limits|usage threshold|extra usage|usage credits/,
      /\b(?:spend(?:ing)?|billing(?: hard)?|hard|monthly|weekly|daily|budget)(?: usage)? (?:cap|limit)\b/,
      /exceeded your current quota|out of call volume quota|free allocation|key limit exceeded/,
      /insufficient[ _](?:account )?(?:balance|credits?|funds|quota)/,
      /(?:requires more|out of|no|any|purchase(?: more)?) credits\b/,
      /(?:crossed|over|exceeded) ?budget|budget has been exceeded/,
      /check your (?:plan and )?billing|failure to pay|past(?: due)? invoices|good standing|\brecharge\b|in arrears/,
      /too many tokens per day|-per-day\b|(?:\/|per) ?month\b|(?:limit|quota) will reset on/,
      /account is not active|余额不足|欠费|充值/
    ),
    unless: isByTheMinute
  },
  {
    id: "size.more-than-a-minute-allows",
    tag: "RequestOverRate",
    words:
      /request too large for|tokens must be reduced|reduce your message size|single request exceeds|\blimit:? 0\b(?!\.\d)/i
  },
  {
    id: "size.answer",
    tag: "OutputTruncated",
    stops: /^(?:max_tokens|length|max_output_tokens|max_completion_tokens)$/
  },
  {
    id: "size.context",
    tag: "ContextWindowExceeded",
    stops: /^(?:model_context_window_exceeded|model_length)$/,
    codes:
      /^(?:context_length_exceeded|exceed_context_size_error|context_window_exceeded|model_max_prompt_tokens_exceeded|string_above_max_length|max_tokens_exceeded|input_too_long|contextwindowexceedederror)$/,
    words: anyOf(
      /(?:prompt|input|request) is too long|\bcontext (?:length|window|limit|size)\b/,
      /maximum (?:prompt|input) length|input token count .{0,80}exceeds|too many (?:input )?tokens in (?:the )?(?:prompt|request)/,
      /exceeds the max(?:imum)? number of (?:input )?tokens|`inputs` (?:tokens|must have less)/,
      /reduce the length of the (?:messages|prompt|input)/
    )
  },
  {
    id: "size.bytes",
    tag: "RequestTooLarge",
    statuses: [413],
    codes: /^(?:request_too_large|413|request_entity_too_large|payload_too_large)$/
  },
  {
    id: "content.declined",
    tag: "ModelRefused",
    stops: /^refusal$/
  },
  {
    id: "content.filtered",
    tag: "ContentFiltered",
    stops: /^(?:content_filter(?:ed)?|guardrail_intervened|sensitive|safety)$/,
    codes:
      /^(?:content_filter(?:ed)?|content_policy_violation|responsibleaipolicyviolation|invalid_prompt|moderation_blocked|data_inspection_failed|flagged|contentpolicyviolationerror|cyber_policy_violation)$/,
    words:
      /content (?:filter(?:ing)?|management|safety) policy|violat\w+ (?:of )?our (?:usage|content) polic|(?:was|been) flagged|safety system|inappropriate content|blocked (?:by|for) (?:safety|content)/i
  },
  {
    id: "access.proxy",
    tag: "ProxyFailure",
    statuses: [407]
  },
  {
    id: "access.credentials",
    tag: "AuthenticationFailed",
    statuses: [401],
    codes:
      /^(?:authentication_error|invalid_api_key|account_deactivated|unauthorized|unauthenticated|401|unrecognizedclientexception|expiredtoken(?:exception)?|invalidsignatureexception|authenticationerror|invalid_organization)$/,
    words:
      /(?:invalid|incorrect) (?:x-)?api[- ]key|api key (?:not valid|is invalid|expired|not found)|organization has been disabled|account has been (?:disabled|deactivated|suspended)|invalid subscription key|security token included in the request is/i
  },
  {
    id: "access.permission",
    tag: "PermissionDenied",
    statuses: [403, 451],
    codes:
      /^(?:permission_error|permission_?denied|access_?denied(?:exception)?|403|forbidden|unsupported_country_region_territory|access_terminated|permissiondeniederror)$/,
    words:
      /user location is not supported|only authorized for use with|not allowed for your organi[sz]ation/i,
    unless: (answer) => hasCode(answer, /^model_not_found$/)
  },
  {
    id: "setting.address",
    tag: "AddressWrong",
    statuses: notThere,
    unless: speaksOfModel
  },
  {
    id: "setting.model",
    tag: "ModelNotFound",
    statuses: notThere,
    codes:
      /^(?:not_found(?:_error)?|notfound(?:error)?|model_not_found|model_not_available|deploymentnotfound|model_decommissioned|404|resourcenotfoundexception|invalid_model)$/,
    words: anyOf(
      /(?:model|deployment)\b.{0,120}(?:not found|does not exist|decommissioned|no longer (?:available|supported)|has been (?:retired|deprecated))/,
      /no endpoints? found|no models? loaded|try pulling it|not a valid model|invalid model\b/
    )
  },
  {
    id: "setting.unsuited",
    tag: "RequestUnsuited",
    codes:
      /^(?:unsupported_(?:parameter|value|model|content_type)|unknown_parameter|operationnotsupported|failed_precondition|unsupportedparamserror)$/,
    words:
      /`?anthropic-(?:beta|version)`?|maximum allowed number of output tokens|maximum tokens you requested exceed|max_tokens is too large|(?:not|isn.t|is not) (?:supported|compatible) (?:with|by|for) this model|on-demand throughput|requires more system memory|not yet available for this subscription|does not support (?:tools|images?|streaming|system|function)/i
  },
  {
    id: "later.overloaded",
    tag: "ProviderOverloaded",
    statuses: [529, 498],
    codes:
      /^(?:overloaded(?:_error)?|slow_down|unavailable(?:_error)?|serviceunavailable(?:exception|error)?|service_unavailable(?:_error)?|modelnotreadyexception|server_is_overloaded|engine_overloaded(?:_error)?|server_overloaded|529|capacity_exceeded|service_tier_capacity_exceeded|resource_temporarily_unavailable)$/,
    words:
      /\boverloaded\b|at (?:full )?capacity|experiencing high demand|server busy|\bloading model|currently loading|\bslow down\b|capacity exceeded/i
  },
  {
    id: "later.rate",
    tag: "RateLimited",
    statuses: [429],
    codes:
      /^(?:rate_limit\w*|too_many_requests|throttling\w*|requestlimitexceeded|resource_exhausted|ratelimitreached|ratelimiterror|429|toomanyrequests\w*)$/,
    words: /rate[- ]limit(?:ed)? (?:reached|exceeded|upstream)|too many requests|temporarily rate-limited/i
  },
  {
    id: "later.unavailable",
    tag: "ProviderOverloaded",
    statuses: [503],
    isFault: true
  },
  {
    id: "fault.conflict",
    tag: "ProviderConflict",
    statuses: [409, 425],
    codes: /^(?:conflict_error|conflictexception)$/
  },
  {
    id: "fault.of-the-provider",
    tag: "ProviderServerError",
    statuses: [408, 499, 500, 501, 502, 504],
    isFault: true,
    codes:
      /^(?:api_error|timeout(?:_error)?|server_error|internal(?:_server)?(?:_error)?|internal_failure|internalserver(?:error|exception)|internalfailure|internalservererror|modelerrorexception|modelstreamerrorexception|modeltimeoutexception|deadline_exceeded|upstream_error|provider_error|bad_gateway|apiconnectionerror|5\d\d|408)$/,
    // Whatever its body calls it: the status says that the request is wrong, and it will be wrong again.
    unless: ({ status }) => status === 400 || status === 422
  },
  {
    id: "request.rejected",
    tag: "RequestRejected",
    codes:
      /^(?:invalid_request(?:_error)?|badrequesterror|bad_request|invalid_argument|validationexception|validation|invalid_type|missing_required_parameter|invalid_value|invalidrequesterror)$/
  }
]

-- Replies that were paid for outside of the steps' own calls: those of programs that ask through the model gateway.
-- A step that is run again asks the same things, and is answered from here.

create table moose.model_replies (
  work_order   text not null references public.work_orders (id),
  run          integer not null,
  -- What the gateway's access is called, the request it forwarded, and which of several replies to it this is.
  call         text not null,
  request      text not null check (request ~ '^[0-9a-f]{64}$'),
  ordinal      integer not null check (ordinal > 0),
  reservation  text not null,
  model        text not null,
  finish       text not null,
  usage        jsonb not null,
  amount       bigint not null check (amount >= 0),
  content_type text not null,
  body         text not null,
  created_at   timestamptz not null default moose.now(),
  primary key (work_order, run, call, request, ordinal)
);

alter table moose.model_replies enable row level security;

-- The reply, or null when it was never bought.
create or replace function moose.find_model_reply(p jsonb) returns jsonb
language sql stable as $$
  select coalesce((
    select jsonb_build_object('model', m.model, 'finish', m.finish, 'usage', m.usage, 'amount', m.amount,
      'reply', jsonb_build_object('contentType', m.content_type, 'body', m.body))
    from moose.model_replies m
    where m.work_order = p->>'workOrderId' and m.run = (p->>'run')::integer and m.call = p->>'call'
      and m.request = p->>'request' and m.ordinal = (p->>'ordinal')::integer), 'null')
$$;

-- Keeps a reply with its bill. Where two runners bought the same one, the first is kept and both are billed; the bill
-- of a repeated call is there already, and changes nothing.
create or replace function moose.keep_model_reply(p jsonb) returns jsonb
language plpgsql as $$
begin
  insert into moose.model_replies (work_order, run, call, request, ordinal, reservation, model, finish, usage, amount,
                                   content_type, body)
  values (p->>'workOrderId', (p->>'run')::integer, p->>'call', p->>'request', (p->>'ordinal')::integer,
          p->>'reservation', p->>'model', p->>'finish', p->'usage', (p->>'amount')::bigint,
          p->'reply'->>'contentType', p->'reply'->>'body')
  on conflict do nothing;
  perform moose.apply_facts(p->>'workOrderId', (p->>'run')::integer, jsonb_build_array(jsonb_build_object(
    '_tag', 'CostSettled', 'reservation', p->>'reservation', 'amount', p->'amount', 'usage', p->'usage')));
  return 'null';
end
$$;

import { Button, NativeSelect, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useMutation } from 'urql';
import type { NoticeChannel } from '../../gql/graphql';
import { has } from '../../lib/roles';
import { text } from '../../lib/text';
import { day, dayIn, shortDay } from '../../lib/time';
import { useViewer } from '../../lib/viewer';
import { Act, Errors, errorsOf, type UserError } from '../../ui/act';
import { Empty, nameOf, Scroll } from '../../ui/page';
import { RecordNotice, RecordNoticeFailure } from './mutations';
import type { Request } from './queries';

type Notice = Request['notices'][number];

/** What the data subject must be told by law, and when they were. The letters themselves live elsewhere. */
export function NoticesTab({ request }: { request: Request }) {
  const n = text.notices;
  if (request.notices.length === 0) return <div className="sheet"><Empty title={n.none} why={n.noneWhy} /></div>;
  return (
    <section className="sheet" aria-label={n.title}>
      <header><h2>{n.title}</h2></header>
      <Scroll label={n.title}>
        <table className="grid">
          <thead>
            <tr>
              <th scope="col">{n.columns.what}</th>
              <th scope="col">{n.columns.due}</th>
              <th scope="col">{n.columns.sent}</th>
              <th scope="col">{n.columns.how}</th>
              <th scope="col">{n.columns.by}</th>
            </tr>
          </thead>
          <tbody>{request.notices.map((x) => <Row key={x.id} notice={x} zone={request.controller.timeZone} />)}</tbody>
        </table>
      </Scroll>
    </section>
  );
}

function Row({ notice: x, zone }: { notice: Notice; zone: string }) {
  const who = useViewer();
  const n = text.notices;
  return (
    <tr>
      <td>{n.kind[x.kind]}{x.attempt > 0 && <span className="sub errors">{n.attempts(x.attempt)}</span>}</td>
      <td className="nowrap">{day(x.dueOn)}</td>
      <td className="nowrap">{x.sentOn ? shortDay(x.sentOn) : <span className="dim">{n.open}</span>}</td>
      <td>{x.channel ? text.channel[x.channel] : !x.sentOn && has(who, 'HANDLER') && <Record notice={x} zone={zone} />}</td>
      <td>{x.sentOn ? nameOf(x.recordedBy) : ''}</td>
    </tr>
  );
}

function Record({ notice, zone }: { notice: Notice; zone: string }) {
  const n = text.notices;
  const [opened, setOpened] = useState(false);
  const [sentOn, setSentOn] = useState(() => dayIn(zone, new Date()));
  const [channel, setChannel] = useState<NoticeChannel>('EMAIL');
  const [errors, setErrors] = useState<UserError[]>([]);
  const [, record] = useMutation(RecordNotice);
  const [, fail] = useMutation(RecordNoticeFailure);
  const failed = async () => {
    const done = await fail({ input: { noticeId: notice.id } });
    setErrors(errorsOf(done.data?.recordNoticeFailure, done.error));
  };
  return (
    <div className="row">
      <Button size="compact-sm" variant="default" onClick={() => setOpened(true)}>{n.record}</Button>
      <Button size="compact-sm" variant="subtle" onClick={() => void failed()}>{n.failed}</Button>
      <Errors errors={errors} />
      <Act
        opened={opened}
        onClose={() => setOpened(false)}
        title={n.title2}
        why={n.kind[notice.kind]}
        button={text.app.save}
        act={async () => {
          const done = await record({ input: { noticeId: notice.id, sentOn, channel } });
          return errorsOf(done.data?.recordNotice, done.error);
        }}
      >
        {(at) => (
          <div className="two">
            <TextInput type="date" label={n.on} required value={sentOn} error={at('sentOn')} onChange={(e) => setSentOn(e.currentTarget.value)} />
            <NativeSelect label={n.how} value={channel} error={at('channel')} onChange={(e) => setChannel(e.currentTarget.value as NoticeChannel)} data={Object.entries(text.channel).map(([value, label]) => ({ value, label }))} />
          </div>
        )}
      </Act>
    </div>
  );
}

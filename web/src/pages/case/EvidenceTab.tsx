import { Button } from '@mantine/core';
import { IconDownload, IconPrinter } from '@tabler/icons-react';
import type { DatasetOutcome } from '../../gql/graphql';
import { statement, type Statement } from '../../lib/certificate';
import { download } from '../../lib/download';
import { lastDay } from '../../lib/due';
import { text } from '../../lib/text';
import { day, fullMoment, shortDay } from '../../lib/time';
import { Digest, Empty, nameOf, Scroll } from '../../ui/page';
import { RequestStatus } from '../../ui/status';
import type { Request } from './queries';

/** The proof of how the request ended, to read, print and take along. */
export function EvidenceTab({ request }: { request: Request }) {
  const { certificate } = request;
  const e = text.evidence;
  if (!certificate) return <div className="sheet"><Empty title={e.none} why={e.noneWhy} /></div>;
  const said = statement(certificate.json);
  const file = `certificate-${request.caseNumber}-${certificate.number}.json`;
  return (
    <div className="stack">
      <section className="sheet" aria-label={e.title}>
        <header>
          <h2>{e.of(text.type[request.type], request.caseNumber)}</h2>
          <div className="push">
            <Button variant="default" leftSection={<IconPrinter size={16} stroke={1.6} />} onClick={() => window.print()}>{e.print}</Button>
            <Button leftSection={<IconDownload size={16} stroke={1.6} />} onClick={() => download(file, 'application/json', certificate.json)}>{e.download}</Button>
          </div>
        </header>
        <div className="pad">
          <dl className="facts wide">
            <dt>{e.outcome}</dt>
            <dd><RequestStatus state={request.state} outcome={request.outcome} /></dd>
            {request.refusal && <><dt>{e.refusal}</dt><dd>{text.refusal[request.refusal]}</dd></>}
            {request.closedWithGapsBy && <><dt>{e.partlyBy}</dt><dd>{nameOf(request.closedWithGapsBy)}</dd></>}
            {request.reopened > 0 && <><dt>{e.reopened}</dt><dd>{e.times(request.reopened)}</dd></>}
            <dt>{e.controller}</dt>
            <dd>{request.controller.name}</dd>
            <dt>{e.received}</dt>
            <dd>{day(request.receivedOn)}</dd>
            <dt>{e.due}</dt>
            <dd>{day(request.dueOn)}</dd>
            {request.closedAt && <><dt>{e.closed}</dt><dd>{fullMoment(request.closedAt)}</dd></>}
            <dt>{e.issued}</dt>
            <dd>{fullMoment(certificate.issuedAt)}</dd>
            {said?.last_byte_by && <><dt>{e.lastByte}</dt><dd>{day(said.last_byte_by)}</dd></>}
            <dt>{e.fingerprint}</dt>
            <dd><Digest value={certificate.fingerprint} short={false} /></dd>
            <dt>{e.root}</dt>
            <dd><Digest value={certificate.merkleRoot} short={false} /></dd>
          </dl>
          <p className="small dim" style={{ marginTop: 14 }}>
            {e.verify} <code>{e.cli}</code>
          </p>
          <KeyLife request={request} />
        </div>
      </section>
      {said && <section className="sheet" aria-label={e.columns.outcome}><Outcomes said={said} /></section>}
    </div>
  );
}

function KeyLife({ request: r }: { request: Request }) {
  if (r.keyDestroyedAt) return <p className="small dim">{text.evidence.keyGone(fullMoment(r.keyDestroyedAt))}</p>;
  if (r.keyDestroyOn) return <p className="small dim">{text.evidence.keyGoes(day(r.keyDestroyOn))}</p>;
  return null;
}

const goneBy = (n: Statement['nodes'][number]) => {
  const last = lastDay(n.until, n.effective_by);
  return last ? shortDay(last) : text.app.none;
};

const uncounted = ['NOT_ASKED', 'NOT_ANSWERED', 'NOT_APPLICABLE'];

/** A certificate's 0 counts only where somebody was asked and answered. */
const rows = (n: Statement['nodes'][number]) => (n.service && !uncounted.includes(n.outcome ?? '') && n.count?.toLocaleString(text.locale)) || text.app.none;

function Outcomes({ said }: { said: Statement }) {
  const c = text.evidence.columns;
  const words = (n: Statement['nodes'][number]) =>
    n.outcome ? (text.progress.outcome[n.outcome as DatasetOutcome] ?? n.outcome) : (text.plan.kind[n.kind as keyof typeof text.plan.kind] ?? n.kind);
  return (
    <Scroll label={c.outcome}>
      <table className="grid">
        <thead>
          <tr>
            <th scope="col">{c.dataset}</th>
            <th scope="col">{c.service}</th>
            <th scope="col">{c.outcome}</th>
            <th scope="col" className="num">{c.rows}</th>
            <th scope="col">{c.gone}</th>
          </tr>
        </thead>
        <tbody>
          {said.nodes.map((n) => (
            <tr key={n.number} className={n.kind === 'GAP' ? 'gap' : undefined}>
              <td className="break">{n.dataset.split(' ').at(-1)}<span className="sub break">{n.dataset.split(' ')[0]}</span></td>
              <td>{n.service ?? text.app.none}</td>
              <td>{words(n)}{n.ground && <span className="sub">{text.plan.on(n.ground)}{n.until && `, ${text.plan.until(shortDay(n.until))}`}</span>}</td>
              <td className="num">{rows(n)}</td>
              <td className="nowrap">{goneBy(n)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

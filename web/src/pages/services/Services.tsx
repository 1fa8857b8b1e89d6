import { Button } from '@mantine/core';
import { IconHandStop } from '@tabler/icons-react';
import { Link, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { useMutation, useQuery } from 'urql';
import { graphql } from '../../gql';
import type { ServicesQuery } from '../../gql/graphql';
import { has, needs, type Viewer } from '../../lib/roles';
import { text } from '../../lib/text';
import { moment } from '../../lib/time';
import { useViewer } from '../../lib/viewer';
import { Errors, errorsOf, type UserError } from '../../ui/act';
import { Empty, Failure, Head, Scroll, Skeleton } from '../../ui/page';
import { Chip, ServiceStatus } from '../../ui/status';
import { Allowed } from '../shell/Allowed';
import { StopButton } from '../shell/Stops';

const ServicesDocument = graphql(`
  query Services($after: String) {
    services(first: 50, after: $after) {
      pageInfo {
        hasNextPage
        endCursor
      }
      nodes {
        id
        ref
        name
        doc
        state
        endpoint
        stopped
        identifierTypes
        owner {
          id
          ref
          name
        }
        delivery {
          failures
          openUntil
          lastCode
        }
        findings {
          id
          code
          severity
          message
        }
      }
    }
  }
`);

const ChallengeDocument = graphql(`
  mutation ChallengeService($input: ServiceActInput!) {
    challengeService(input: $input) {
      service {
        id
        state
      }
      userErrors {
        code
        path
        message
      }
    }
  }
`);

type Service = ServicesQuery['services']['nodes'][number];

/** Who keeps data, and whether they can be asked. */
export function Services() {
  return (
    <Allowed roles={needs.catalog} name={text.services.title}>
      <Body />
    </Allowed>
  );
}

function Body() {
  const { after } = useSearch({ from: '/services' });
  const [{ data, error }, again] = useQuery({ query: ServicesDocument, variables: { after } });
  const s = text.services;
  const page = data?.services;
  return (
    <>
      <Head title={s.title} name={s.title} lead={s.lead}><StopButton /></Head>
      {error && <Failure error={error} again={() => again({ requestPolicy: 'network-only' })} />}
      <div className="sheet">
        {!page && !error && <Skeleton />}
        {page && page.nodes.length === 0 && <Empty title={s.none} why={s.noneWhy} cli={s.cli} />}
        {page && page.nodes.length > 0 && <Rows services={page.nodes} />}
        {page && (after || page.pageInfo.hasNextPage) && (
          <div className="more">
            {after && <Link to="/services" search={{}}>{text.list.first}</Link>}
            {page.pageInfo.hasNextPage && <Link to="/services" search={{ after: page.pageInfo.endCursor ?? undefined }}>{text.list.next}</Link>}
          </div>
        )}
      </div>
    </>
  );
}

function Rows({ services }: { services: Service[] }) {
  const c = text.services.columns;
  return (
    <Scroll label={text.services.title}>
      <table className="grid">
        <thead>
          <tr>
            <th scope="col">{c.service}</th>
            <th scope="col">{c.owner}</th>
            <th scope="col">{c.state}</th>
            <th scope="col">{c.health}</th>
            <th scope="col">{c.finds}</th>
            <th scope="col"><span className="hidden">{text.progress.columns.act}</span></th>
          </tr>
        </thead>
        <tbody>{services.map((s) => <Row key={s.id} service={s} />)}</tbody>
      </table>
    </Scroll>
  );
}

/** The team that answers for a service may have it challenged, and so may an admin. */
const mayChallenge = (who: Viewer, s: Service) => has(who, 'ADMIN') || (has(who, 'STEWARD') && s.owner !== null && s.owner !== undefined && who.teams.includes(s.owner.ref));

function Row({ service: s }: { service: Service }) {
  const who = useViewer();
  const [errors, setErrors] = useState<UserError[]>([]);
  const [{ fetching }, challenge] = useMutation(ChallengeDocument);
  const t = text.services;
  const ask = async () => {
    const done = await challenge({ input: { serviceId: s.id } });
    setErrors(errorsOf(done.data?.challengeService, done.error));
  };
  return (
    <tr>
      <td>
        {s.name} <code className="dim">{s.ref}</code>
        <span className="sub break">{s.endpoint ?? t.noEndpoint}</span>
        {s.findings.map((f) => <span key={f.id} className="sub errors">{f.message}</span>)}
      </td>
      <td>{s.owner?.name ?? t.noOwner}</td>
      <td>
        <ServiceStatus state={s.state} />
        {s.stopped && <> <Chip tint="bad" icon={IconHandStop}>{t.stopped}</Chip></>}
      </td>
      <td><Health service={s} /></td>
      <td>{s.identifierTypes.map((i) => <span className="tag" key={i}>{i}</span>)}</td>
      <td>
        <div className="row" style={{ justifyContent: 'flex-end' }}>
          {mayChallenge(who, s) && s.endpoint && s.state !== 'ACTIVE' && <Button size="compact-sm" variant="light" loading={fetching} onClick={() => void ask()} aria-label={t.challengeWhy(s.name)}>{t.challenge}</Button>}
          {!s.stopped && <StopButton service={s} label={t.stop} />}
        </div>
        <Errors errors={errors} />
      </td>
    </tr>
  );
}

function Health({ service: { delivery: d } }: { service: Service }) {
  const h = text.services.health;
  if (!d) return <span className="dim">{h.never}</span>;
  if (d.openUntil && Date.parse(d.openUntil) > Date.now()) return <>{h.failing(d.failures)}<span className="sub">{h.open(moment(d.openUntil))} {d.lastCode && <code>{d.lastCode}</code>}</span></>;
  return d.failures > 0 ? <>{h.failing(d.failures)}<span className="sub">{d.lastCode && <code>{d.lastCode}</code>}</span></> : <>{h.ok}</>;
}

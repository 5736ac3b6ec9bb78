"""Drives a cluster through python3-etcd3: python_etcd3.py PART PORT..., prints "PART: ok" or ends with a traceback.

ETCD_TRUSTED_CA_FILE names the authority to trust where the cluster speaks TLS.
"""
import hashlib
import io
import os
import sys
import threading
import time

import etcd3
from etcd3 import etcdrpc
import grpc


def expect(actual, expected):
    if actual != expected:
        raise AssertionError(f'expected {expected!r}, got {actual!r}')


def refused(code, text, call):
    try:
        call()
    except grpc.RpcError as error:
        expect((error.code(), error.details()), (code, text))
        return
    raise AssertionError(f'not refused with {text}')


def connect(port, **more):
    return etcd3.client(host='127.0.0.1', port=port, timeout=20, ca_cert=os.environ.get('ETCD_TRUSTED_CA_FILE'), **more)


def keys(clients):
    first, second = clients[0], clients[1]
    first.put('a/1', 'one')
    first.put('a/2', 'two')
    expect(second.get('a/1')[0], b'one')
    expect([value for value, _ in second.get_prefix('a/')], [b'one', b'two'])
    expect([meta.key for _, meta in second.get_prefix('a/', sort_order='descend')], [b'a/2', b'a/1'])
    expect([value for value, _ in second.get_range('a/1', 'a/2')], [b'one'])
    expect(first.put('a/1', 'three', prev_kv=True).prev_kv.value, b'one')
    expect(second.get('a/1')[1].version, 2)
    expect(first.replace('a/1', 'three', 'four'), True)
    expect(first.replace('a/1', 'three', 'five'), False)
    expect(first.put_if_not_exists('a/1', 'six'), False)
    expect(first.delete('a/1'), True)
    expect(first.delete('a/1'), False)
    expect(first.delete_prefix('a/').deleted, 1)
    expect(second.get('a/2'), (None, None))
    expect(len(list(second.get_all())), 0)
    revision = first.get_response('a/1').header.revision
    first.compact(revision)
    refused(grpc.StatusCode.OUT_OF_RANGE, 'etcdserver: mvcc: required revision has been compacted', lambda: first.compact(revision))


def txn(clients):
    etcd = clients[2]
    etcd.put('counter', '1')
    tx = etcd.transactions
    swap = dict(
        compare=[tx.value('counter') == '1', tx.version('counter') > 0, tx.create('other') == 0],
        success=[tx.put('counter', '2'), tx.get('counter')],
        failure=[tx.get('counter')])
    done, answers = etcd.transaction(**swap)
    expect((done, answers[1][0][0]), (True, b'2'))
    done, answers = etcd.transaction(**swap)
    expect((done, answers[0][0][0]), (False, b'2'))
    done, _ = etcd.transaction(
        compare=[tx.mod('counter') > 1],
        success=[tx.txn(compare=[tx.value('counter') == '2'], success=[tx.delete('counter')], failure=[])],
        failure=[])
    expect((done, etcd.get('counter')[0]), (True, None))


def watch(clients):
    first, second = clients[0], clients[1]
    events, cancel = second.watch_prefix('w/')
    begun = first.put('w/1', 'one').header.revision
    first.put('w/2', 'two')
    first.delete('w/1')
    seen = [next(events) for _ in range(3)]
    expect([type(e).__name__ for e in seen], ['PutEvent', 'PutEvent', 'DeleteEvent'])
    expect([e.key for e in seen], [b'w/1', b'w/2', b'w/1'])
    cancel()
    events, cancel = second.watch_prefix('w/', start_revision=begun, prev_kv=True)
    seen = [next(events) for _ in range(3)]
    expect([e.mod_revision for e in seen], [begun, begun + 1, begun + 2])
    expect(seen[2].prev_value, b'one')
    cancel()
    timer = threading.Timer(0.5, lambda: first.put('once', 'now'))
    timer.start()
    expect(second.watch_once('once', timeout=20).value, b'now')
    first.compact(begun + 2)
    second.get('w/1')  # only now the second member is sure to know
    try:
        events, cancel = second.watch('w/1', start_revision=1)
        next(events)
        raise AssertionError('a compacted revision was watched')
    except etcd3.exceptions.RevisionCompactedError as error:
        expect(error.compacted_revision, begun + 2)


def lease(clients):
    first, second = clients[0], clients[1]
    mortal = first.lease(2)
    first.put('mortal', 'v', lease=mortal)
    expect(second.get_lease_info(mortal.id).keys, [b'mortal'])
    end = time.monotonic() + 5
    while time.monotonic() < end:
        expect(mortal.refresh()[0].TTL, 2)
        time.sleep(0.5)
    expect(second.get('mortal')[0], b'v')
    end = time.monotonic() + 20
    while second.get('mortal')[0] is not None:
        if time.monotonic() > end:
            raise AssertionError('the lease does not end')
        time.sleep(0.1)
    other = first.lease(60, lease_id=4711)
    expect(other.granted_ttl, 60)
    second.put('revoked', 'v', lease=4711)
    other.revoke()
    expect(first.get('revoked')[0], None)
    refused(grpc.StatusCode.NOT_FOUND, 'etcdserver: requested lease not found', other.revoke)


def lock(clients):
    mine, other = clients[0].lock('door', ttl=30), clients[1].lock('door', ttl=30)
    expect(mine.acquire(), True)
    expect((mine.is_acquired(), other.is_acquired()), (True, False))
    expect(mine.refresh()[0].TTL, 30)
    # It cannot wait for a lock that is held, whoever serves it: Debian's tenacity is newer than its code.
    expect(other.release(), False)
    expect(mine.release(), True)
    expect(other.acquire(), True)
    expect((mine.is_acquired(), other.is_acquired()), (False, True))
    expect(other.release(), True)
    with clients[2].lock('door') as held:
        expect(held.is_acquired(), True)


def members(clients):
    expect(sorted(m.name for m in clients[0].members), ['n1', 'n2', 'n3'])
    status = clients[1].status()
    expect(status.leader.name in ('n1', 'n2', 'n3'), True)
    expect(list(clients[0].list_alarms()), [])
    clients[0].defragment()
    expect(clients[0].hash() != 0, True)


def auth(clients):
    open_door = clients[0]
    service = etcdrpc.AuthStub(open_door.channel)
    service.UserAdd(etcdrpc.AuthUserAddRequest(name='root', password='secret'))
    service.UserGrantRole(etcdrpc.AuthUserGrantRoleRequest(user='root', role='root'))
    service.UserAdd(etcdrpc.AuthUserAddRequest(name='alice', password='wonder'))
    service.RoleAdd(etcdrpc.AuthRoleAddRequest(name='reader'))
    grant = etcdrpc.AuthRoleGrantPermissionRequest(name='reader')
    grant.perm.key, grant.perm.range_end = b'a/', b'a0'
    service.RoleGrantPermission(grant)
    service.UserGrantRole(etcdrpc.AuthUserGrantRoleRequest(user='alice', role='reader'))
    service.AuthEnable(etcdrpc.AuthEnableRequest())

    ports = [c._url.rsplit(':', 1)[1] for c in clients]
    root = connect(ports[1], user='root', password='secret')
    alice = connect(ports[2], user='alice', password='wonder')
    root.put('a/1', 'one')
    expect(alice.get('a/1')[0], b'one')
    denied = grpc.StatusCode.PERMISSION_DENIED, 'etcdserver: permission denied'
    refused(*denied, lambda: alice.put('a/1', 'two'))
    refused(*denied, lambda: alice.get('b'))
    refused(*denied, lambda: alice.transaction(compare=[], success=[alice.transactions.put('a/1', 'two')], failure=[]))
    refused(grpc.StatusCode.INVALID_ARGUMENT, 'etcdserver: user name is empty', lambda: open_door.get('a/1'))
    refused(
        grpc.StatusCode.INVALID_ARGUMENT, 'etcdserver: authentication failed, invalid user ID or password',
        lambda: connect(ports[0], user='alice', password='wrong'))
    events, cancel = root.watch('a/2')
    root.put('a/2', 'seen')
    expect(next(events).value, b'seen')
    cancel()
    etcdrpc.AuthStub(root.channel).AuthDisable(etcdrpc.AuthDisableRequest(), metadata=root.metadata)
    open_door.put('a/1', 'free')


def snapshot(clients):
    clients[0].put('k', 'v')
    file = io.BytesIO()
    clients[0].snapshot(file)
    whole = file.getvalue()
    expect(hashlib.sha256(whole[:-32]).digest(), whole[-32:])


def main():
    part, ports = sys.argv[1], sys.argv[2:]
    clients = [connect(port) for port in ports]
    globals()[part](clients)
    print(f'{part}: ok')
    for client in clients:
        client.close()


if __name__ == '__main__':
    main()

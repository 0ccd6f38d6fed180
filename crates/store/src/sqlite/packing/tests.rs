//! Texts come back, dictionaries are trained and kept, and damage is an error.

use rusqlite::Connection;

use super::{DICTIONARIES_MAX, Packed, Packer, SAMPLES_MIN, Unpacker, WEIGHED_TEXTS};

fn database() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    connection
        .execute_batch("CREATE TABLE dictionaries (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL)")
        .unwrap();
    connection
}

fn text(n: usize) -> String {
    format!(
        r#"{{"gen_ai.operation.name":"chat","gen_ai.request.model":"gpt-{}","gen_ai.usage.input_tokens":"{}","gateway.target":"primary","server.address":"api.example.com","gen_ai.response.id":"{:016x}"}}"#,
        n % 5,
        n * 7 % 4001,
        (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    )
}

fn unpacker(connection: &Connection) -> Unpacker {
    let mut unpacker = Unpacker::new().unwrap();
    let mut all = connection.prepare("SELECT id, bytes FROM dictionaries").unwrap();
    let all = all.query_map([], |row| Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?))).unwrap();
    for row in all {
        let (id, bytes) = row.unwrap();
        unpacker.learn(id, &bytes).unwrap();
    }
    unpacker
}

fn restored(unpacker: &mut Unpacker, packed: &Packed) -> String {
    match packed {
        Packed::Bytes(bytes) => unpacker.unpack(bytes).unwrap(),
        Packed::Text(text) => text.clone(),
    }
}

fn bytes(packed: &Packed) -> usize {
    match packed {
        Packed::Bytes(bytes) => bytes.len(),
        Packed::Text(text) => text.len(),
    }
}

#[test]
fn texts_come_back_whichever_dictionary_they_were_packed_with() {
    let connection = database();
    let mut packer = Packer::open(&connection).unwrap();
    let mut packed = Vec::new();
    for n in 0..SAMPLES_MIN + 100 {
        packed.push(packer.pack(text(n)).unwrap());
        packer.tend(&connection).unwrap();
    }
    packed.push(packer.pack(String::new()).unwrap());
    let mut unpacker = unpacker(&connection);
    assert_eq!(unpacker.latest(), 1);
    for (n, packed) in packed[..SAMPLES_MIN + 100].iter().enumerate() {
        assert_eq!(restored(&mut unpacker, packed), text(n));
    }
    assert_eq!(restored(&mut unpacker, packed.last().unwrap()), "");
    let (without, with) = (bytes(&packed[SAMPLES_MIN - 1]), bytes(&packed[SAMPLES_MIN]));
    assert!(with * 3 < without, "{without} bytes without a dictionary, {with} with");
}

#[test]
fn a_dictionary_is_trained_at_the_nth_sample_and_used_by_the_next_start() {
    let connection = database();
    let count = || -> i64 {
        connection.query_row("SELECT count(*) FROM dictionaries", [], |row| row.get(0)).unwrap()
    };
    let mut packer = Packer::open(&connection).unwrap();
    for n in 1..SAMPLES_MIN {
        packer.pack(text(n)).unwrap();
    }
    packer.tend(&connection).unwrap();
    assert_eq!(count(), 0);
    packer.pack(text(0)).unwrap();
    packer.tend(&connection).unwrap();
    assert_eq!(count(), 1);
    let mut next = Packer::open(&connection).unwrap();
    assert_eq!(next.pack(text(1)).unwrap(), packer.pack(text(1)).unwrap());
}

#[test]
fn texts_of_another_kind_train_another_dictionary() {
    let connection = database();
    let mut packer = Packer::open(&connection).unwrap();
    let mut feed = |text: &dyn Fn(usize) -> String, count: usize| {
        for n in 0..count {
            packer.pack(text(n)).unwrap();
        }
        packer.tend(&connection).unwrap();
        packer.dictionary
    };
    let weighed = usize::try_from(WEIGHED_TEXTS).unwrap();
    assert_eq!(feed(&text, SAMPLES_MIN), 1);
    assert_eq!(feed(&text, weighed), 1);
    assert_eq!(feed(&text, weighed), 1);
    let other = |n: usize| format!("{{\"deployment.zone\":\"{}\",\"pod\":\"{n}\"}}", n % 3);
    assert_eq!(feed(&other, weighed), 1, "now it is known that the old one does not help");
    assert_eq!(feed(&other, SAMPLES_MIN), 2);
    const { assert!(DICTIONARIES_MAX > 2) };
}

#[test]
fn damage_is_an_error_and_no_panic() {
    let connection = database();
    let mut packer = Packer::open(&connection).unwrap();
    let Packed::Bytes(good) = packer.pack(text(1).repeat(4)).unwrap() else { panic!() };
    let mut unpacker = unpacker(&connection);
    for end in 0..good.len() {
        assert!(unpacker.unpack(&good[..end]).is_err(), "{end}");
    }
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[at] ^= 1 << bit;
            // Without a checksum some flips give other text; none may do worse.
            let _text = unpacker.unpack(&bad);
        }
    }
    assert!(unpacker.unpack(&[0xff; 12]).is_err());
    assert_eq!(unpacker.unpack(&good).unwrap(), text(1).repeat(4));
}

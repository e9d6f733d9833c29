//! Finds files that import each other in a circle.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{
    modules::Import,
    violation::{Rule, Violation},
};

/// The first import from one file to another, by both.
type Graph<'a> = BTreeMap<&'a str, BTreeMap<&'a str, &'a Import<'a>>>;

/// One violation for each group of files of which every one reaches every other.
pub(crate) fn check(imports: &BTreeSet<Import<'_>>) -> Vec<Violation> {
    let mut graph = Graph::new();
    for import in imports {
        let first = graph.entry(import.from).or_default().entry(import.to);
        first
            .and_modify(|known| *known = (*known).min(import))
            .or_insert(import);
        graph.entry(import.to).or_default();
    }
    let groups = Groups::of(&graph);
    groups
        .into_iter()
        .filter(|group| group.len() > 1)
        .filter_map(|group| report(&graph, &group))
        .collect()
}

fn report(graph: &Graph<'_>, group: &BTreeSet<&str>) -> Option<Violation> {
    let circle = group
        .iter()
        .filter_map(|file| shortest(graph, group, file))
        .min_by_key(Vec::len)?;
    let (first, last) = (circle.first()?, circle.last()?);
    let mut notes = vec![format!(
        "the shortest way round is {} imports:",
        circle.len()
    )];
    notes.extend(circle.iter().map(|import| edge(import)));
    let others: Vec<String> = group
        .iter()
        .flat_map(|file| graph.get(file).into_iter().flatten())
        .filter(|(to, import)| group.contains(*to) && !circle.contains(import))
        .map(|(_, import)| edge(import))
        .collect();
    if !others.is_empty() {
        notes.push("further imports within the circle:".to_owned());
        notes.extend(others);
    }
    let files: Vec<&str> = group.iter().copied().collect();
    let upward = circle
        .iter()
        .find(|import| declares(import.to, import.from));
    let hint = match upward {
        Some(import) => format!(
            "move what `{}` names out of {} into a file of its own: {} imports from {}",
            import.path, import.to, import.to, import.from
        ),
        None => format!(
            "move what `{}` names into a file of its own that imports neither, or pass it as an argument",
            last.path
        ),
    };
    Some(Violation {
        path: first.from.to_owned(),
        line: first.line,
        rule: Rule::Circles,
        what: format!(
            "{} files import each other in a circle: {}",
            files.len(),
            files.join(", ")
        ),
        notes,
        hint,
    })
}

fn edge(import: &Import<'_>) -> String {
    format!(
        "{}:{}: `{}` is defined in {}",
        import.from, import.line, import.path, import.to
    )
}

/// Whether `parent` is `foo.rs` to a file in `foo/`.
fn declares(parent: &str, child: &str) -> bool {
    parent
        .strip_suffix(".rs")
        .and_then(|folder| child.strip_prefix(folder))
        .is_some_and(|rest| rest.starts_with('/'))
}

/// The shortest way from a file back to itself within its group.
fn shortest<'a>(
    graph: &Graph<'a>,
    group: &BTreeSet<&str>,
    start: &str,
) -> Option<Vec<&'a Import<'a>>> {
    let mut reached: BTreeMap<&str, &Import<'a>> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(file) = queue.pop_front() {
        for (&to, &import) in graph.get(file)? {
            if group.contains(to) && !reached.contains_key(to) {
                reached.insert(to, import);
                queue.push_back(to);
            }
        }
        if reached.contains_key(start) {
            break;
        }
    }
    let mut way = vec![*reached.get(start)?];
    while let Some(last) = way.last()
        && last.from != start
    {
        way.push(*reached.get(last.from)?);
    }
    way.reverse();
    Some(way)
}

/// Tarjan's strongly connected components.
struct Groups<'a, 'g> {
    graph: &'g Graph<'a>,
    order: BTreeMap<&'a str, usize>,
    stack: Vec<&'a str>,
    found: Vec<BTreeSet<&'a str>>,
}

impl<'a, 'g> Groups<'a, 'g> {
    fn of(graph: &'g Graph<'a>) -> Vec<BTreeSet<&'a str>> {
        let mut groups = Self {
            graph,
            order: BTreeMap::new(),
            stack: Vec::new(),
            found: Vec::new(),
        };
        for file in graph.keys() {
            if !groups.order.contains_key(file) {
                groups.visit(file);
            }
        }
        groups.found
    }

    fn visit(&mut self, file: &'a str) -> usize {
        let number = self.order.len();
        self.order.insert(file, number);
        self.stack.push(file);
        let mut low = number;
        for to in self.graph.get(file).into_iter().flat_map(BTreeMap::keys) {
            if !self.order.contains_key(to) {
                low = low.min(self.visit(to));
            } else if self.stack.contains(to) {
                low = low.min(self.order[to]);
            }
        }
        if low == number {
            let mut group = BTreeSet::new();
            while let Some(member) = self.stack.pop() {
                group.insert(member);
                if member == file {
                    break;
                }
            }
            self.found.push(group);
        }
        low
    }
}

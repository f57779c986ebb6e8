package cardea

default decision := false

decision if {
	not input.subject.tenant in data.suspended
	not dangerous
	permitted
}

dangerous if {
	input.annotations.destructiveHint
	not "oncall" in input.subject.groups
}

permitted if {
	input.annotations.readOnlyHint
	"reader" in input.subject.roles
}

permitted if {
	"writer" in input.subject.roles
	input.server == "notes"
	right_folder
}

permitted if {
	"payer" in input.subject.roles
	input.name == "pay"
	input.subject.claims.level >= 2
	right_amount
}

right_folder if input.action == "list"
right_folder if input.arguments.folder in ["drafts", "inbox"]

right_amount if input.action == "list"
right_amount if {
	# In Rego any text is larger than any number, and `true` is smaller.
	is_number(input.arguments.amount)
	input.arguments.amount > 0
	input.arguments.amount <= 100
}
